//! The feature cache: features of a frozen extractor, computed once and kept on disk.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use burn::tensor::Device;
use isthmus_core::context::{Context, DomainRole};
use isthmus_core::dataset::{LabelledSource, SampleSource};
use isthmus_core::error::DataError;
use isthmus_core::input::Input;
use isthmus_core::parts::Extractor;
use isthmus_core::spec::{PluginSpec, Transform};
use isthmus_core::stage::SampleView;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use crate::identity::of_texts;
use crate::roots::CACHE_VARIABLE;
use crate::sources::FeatureSource;
use crate::{files, problem};

/// Raised when the files' layout or the extraction changes, so that old files are not read.
const VERSION: &str = "1";
const TENSOR: &str = "features";
const CHECKSUM: &str = "sha256";

/// Everything that decides the features of a set.
#[derive(Clone, Copy, Debug)]
pub struct FeatureKey<'a> {
    /// Fingerprint of the set's files, as [`LoadedSet`](crate::LoadedSet) has it.
    pub data: &'a str,
    /// Name of the domain: only for the file's name.
    pub domain: &'a str,
    /// The extractor and its configuration.
    pub extractor: &'a PluginSpec,
    /// What identifies the extractor's weights, as its plugin tells it.
    pub weights: Option<&'a str>,
    /// How images become inputs.
    pub transform: Option<&'a Transform>,
    /// The kind of device: numbers differ between kinds.
    pub device: &'a str,
}

impl FeatureKey<'_> {
    /// Name of the cache file: the domain, the extractor and 16 digits of a hash of everything.
    pub fn file_name(&self) -> String {
        let transform = serde_json::to_string(&self.transform).expect("a transform is plain data");
        let config = self.extractor.config.to_string();
        let hash = of_texts([
            VERSION,
            self.data,
            &self.extractor.name,
            &config,
            self.weights.unwrap_or("none"),
            &transform,
            self.device,
        ]);
        let plain = |name: &str| -> String {
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
        };
        format!(
            "{}-{}-{}.safetensors",
            plain(self.domain),
            plain(&self.extractor.name),
            &hash[..16]
        )
    }
}

/// Where features come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheOutcome {
    /// They were read from the cache.
    Hit,
    /// They were computed and written to the cache.
    Computed,
}

/// Features and where they come from.
#[derive(Clone)]
pub struct Extraction {
    /// The features with the classes of the set.
    pub features: LabelledSource,
    /// Where they come from.
    pub outcome: CacheOutcome,
    /// The cache file.
    pub file: PathBuf,
    /// Why a cache file that was there could not be used.
    pub warning: Option<String>,
}

/// What a look into the cache found.
#[derive(Clone)]
pub enum Lookup {
    /// The features.
    Hit(LabelledSource),
    /// No file.
    Absent,
    /// A file that cannot be used, and why.
    Damaged(String),
}

/// A folder of cached features.
#[derive(Clone, Debug)]
pub struct FeatureCache {
    folder: PathBuf,
}

impl FeatureCache {
    /// A cache in a folder, which is made when something is first written.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The file that features of a key are kept in.
    pub fn file(&self, key: &FeatureKey<'_>) -> PathBuf {
        self.folder.join(key.file_name())
    }

    /// Looks for the features of a set without computing anything; no extractor needs to be
    /// built for it.
    ///
    /// # Errors
    /// If the file is there and cannot be opened.
    pub fn lookup(
        &self,
        key: &FeatureKey<'_>,
        source: &LabelledSource,
    ) -> Result<Lookup, DataError> {
        let path = self.file(key);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            // A file in the folder's place shows when something is to be kept.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(Lookup::Absent);
            }
            Err(error) => return Err(problem::io("cannot read", &path, error)),
        };
        Ok(match decode(&bytes, source.samples.rows()) {
            Ok((size, values)) => Lookup::Hit(with_labels(source, size, values)),
            Err(reason) => Lookup::Damaged(format!(
                "the cached features {} are damaged ({reason}); they are computed again",
                path.display()
            )),
        })
    }

    /// The features of a set: from the cache, or computed and cached. The next batch is read and
    /// decoded while the current one goes through the extractor. `progress` is told the rows
    /// done and the rows in all, only where features are computed.
    ///
    /// # Errors
    /// If a sample cannot be read, a feature is not finite, or the cache cannot be written (no
    /// right, no space): the folder is tried before anything is computed.
    pub fn extract(
        &self,
        key: &FeatureKey<'_>,
        source: &LabelledSource,
        extractor: &mut dyn Extractor,
        device: &Device,
        batch_size: usize,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Extraction, DataError> {
        let file = self.file(key);
        let warning = match self.lookup(key, source)? {
            Lookup::Hit(features) => {
                let outcome = CacheOutcome::Hit;
                return Ok(Extraction { features, outcome, file, warning: None });
            }
            Lookup::Absent => None,
            Lookup::Damaged(warning) => Some(warning),
        };
        self.check_folder()?;
        let size = extractor.output_size();
        let values =
            compute(source.samples.as_ref(), extractor, device, batch_size.max(1), progress)?;
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(DataError::Mismatch(format!(
                "extractor `{}` gives {} for sample {} of domain `{}`; check its weights and the \
                 transform",
                key.extractor.name,
                values[at],
                at / size,
                key.domain
            )));
        }
        write(&file, &values, size)?;
        let features = with_labels(source, size, values);
        Ok(Extraction { features, outcome: CacheOutcome::Computed, file, warning })
    }

    /// Whether the folder can be written into, before anything is computed for it; what killed
    /// processes left there is removed.
    fn check_folder(&self) -> Result<(), DataError> {
        files::try_folder(&self.folder).map_err(|error| {
            problem::file(
                &self.folder,
                format!(
                    "features cannot be kept here ({error}); name another folder in the variable \
                     {CACHE_VARIABLE}"
                ),
            )
        })?;
        files::remove_abandoned(&self.folder)
            .map_err(|source| problem::io("cannot clear", &self.folder, source))
    }
}

fn with_labels(source: &LabelledSource, size: usize, values: Vec<f32>) -> LabelledSource {
    LabelledSource {
        samples: Arc::new(FeatureSource::new(size, values).of(Arc::clone(&source.samples))),
        targets: source.targets.clone(),
    }
}

/// Runs all samples through the extractor.
fn compute(
    samples: &dyn SampleSource,
    extractor: &mut dyn Extractor,
    device: &Device,
    batch_size: usize,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<f32>, DataError> {
    let total = samples.rows();
    let shape = samples.shape();
    let mut features = Vec::with_capacity(total * extractor.output_size());
    let rows: Vec<usize> = (0..total).collect();
    std::thread::scope(|scope| {
        // One batch waits while one is used: more would only take memory.
        let (sender, receiver) = sync_channel(1);
        let batches = rows.chunks(batch_size);
        scope.spawn(move || {
            for batch in batches {
                let values = samples.values(batch, SampleView::Plain);
                let failed = values.is_err();
                // A closed channel means that the other side has given up.
                if sender.send((batch.len(), values)).is_err() || failed {
                    break;
                }
            }
        });
        let mut done = 0;
        for (count, values) in receiver {
            let input = Input::from_values(values?, count, shape, device);
            let context = Context::evaluate(DomainRole::SOURCE, count);
            let output = extractor.forward(input, &context).into_data();
            features.extend(output.iter::<f32>());
            done += count;
            progress(done, total);
        }
        Ok(features)
    })
}

fn write(path: &Path, values: &[f32], size: usize) -> Result<(), DataError> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let metadata = HashMap::from([(CHECKSUM.to_owned(), format!("{:x}", Sha256::digest(&bytes)))]);
    let view = TensorView::new(Dtype::F32, vec![values.len() / size.max(1), size], &bytes)
        .map_err(|error| problem::file(path, error.to_string()))?;
    let file = safetensors::serialize([(TENSOR, view)], Some(metadata))
        .map_err(|error| problem::file(path, error.to_string()))?;
    files::write(path, &[&file]).map_err(|source| problem::io("cannot write", path, source))
}

/// The size of a feature vector and all values, or why they cannot be used.
fn decode(bytes: &[u8], rows: usize) -> Result<(usize, Vec<f32>), String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let view = file.tensor(TENSOR).map_err(|error| error.to_string())?;
    let &[found, size] = view.shape() else { return Err(format!("shape {:?}", view.shape())) };
    if view.dtype() != Dtype::F32 || found != rows {
        return Err(format!("{found} rows of {:?}, expected {rows} of F32", view.dtype()));
    }
    let expected = header.metadata().as_ref().and_then(|metadata| metadata.get(CHECKSUM));
    if expected != Some(&format!("{:x}", Sha256::digest(view.data()))) {
        return Err("its checksum differs".to_owned());
    }
    let values =
        view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Ok((size, values))
}
