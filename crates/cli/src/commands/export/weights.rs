//! The weights of frozen extractors, which are no part of a record.

use burn::tensor::Device;
use isthmus_core::input::InputShape;
use isthmus_core::parts::BuildContext;
use isthmus_core::random::Key;
use isthmus_core::registry::{self, ExtractorKind};
use isthmus_core::spec::Job;
use isthmus_engine::build_extractor;
use isthmus_nn::weights::{KnownWeights, known};
use serde::Serialize;

/// The file that the weights of a frozen extractor are in.
#[derive(Clone, Debug, Serialize)]
pub(super) struct WeightsFile {
    /// Its name, or its path where the experiment states one.
    pub file: String,
    /// Its SHA-256, or the first digits of it where the file is not here.
    pub sha256: String,
    /// Its licence, where it is known.
    pub licence: Option<&'static str>,
}

/// The file that holds the weights of a job's frozen extractor; none where the extractor is
/// trained, and so part of the export, has no weights, or has those of another run's record.
/// `shape` is that of its features.
///
/// # Errors
/// With the reason, if its weights are in no file.
pub(super) fn of_frozen(job: &Job, shape: InputShape) -> Result<Option<WeightsFile>, String> {
    let plugin = &job.extractor.plugin;
    let taken = job.extractor.weights_from.is_some();
    if !job.extractor.frozen || taken || is_without_weights(job, shape) {
        return Ok(None);
    }
    let builder = registry::builder::<ExtractorKind>(&plugin.name).ok();
    let checksum = builder.and_then(|builder| (builder.weights)(&plugin.config));
    let stated = plugin.config.get("weights").and_then(|weights| weights.as_str());
    let published: Option<&KnownWeights> =
        known(&plugin.name).filter(|_| matches!(stated, Some("imagenet" | "published")));
    let sha256 = checksum.or_else(|| published.map(|file| file.checksum.to_owned()));
    match (sha256, published, stated) {
        (Some(sha256), Some(published), _) => Ok(Some(WeightsFile {
            file: published.file.to_owned(),
            sha256,
            licence: Some(published.licence),
        })),
        (Some(sha256), None, Some(path)) => {
            Ok(Some(WeightsFile { file: path.to_owned(), sha256, licence: None }))
        }
        (None, _, Some(path)) if path != "random" => {
            Err(format!("the weights of its extractor, {path}, are not here"))
        }
        _ => Err(format!(
            "its extractor `{}` is frozen with random weights, which are in no file; train it \
             (`frozen = false`), and they are part of the model",
            plugin.name
        )),
    }
}

/// Whether there is nothing to save of the frozen extractor: the identity, say.
fn is_without_weights(job: &Job, shape: InputShape) -> bool {
    let context = BuildContext { device: Device::flex(), key: Key::new(0), sources: 1 };
    build_extractor(&job.extractor.plugin, shape, &context)
        .is_ok_and(|extractor| extractor.tensors().is_empty())
}
