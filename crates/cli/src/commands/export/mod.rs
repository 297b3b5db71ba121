//! `isthmus export`: the weights of a recorded model for PyTorch, with a model card.

mod card;
mod description;
mod weights;

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_data::{Descriptor, Roots};
use isthmus_engine::{EngineError, RecordedRun};
use isthmus_results::record::encode_for_pytorch;
use isthmus_results::{Destination, Record, RecordError, write_bytes};

use super::predict::RecordedModel;
use crate::args::{ExportArguments, OutputArguments};
use crate::failure::Failure;
use card::Card;
use description::{Description, Origin};

const WEIGHTS: &str = "model.safetensors";
const DESCRIPTION: &str = "model.json";
const CARD: &str = "README.md";
/// What feature transforms fitted to the target.
const FEATURE_TRANSFORMS: &str = "feature-transforms.safetensors";

/// Executes the command.
///
/// # Errors
/// If the record cannot be used, what it predicts by is no network that PyTorch has, or the files
/// cannot be written.
pub fn execute(arguments: &ExportArguments, output: OutputArguments) -> Result<(), Failure> {
    let folder = arguments.record.display();
    let recorded = RecordedModel::open(&arguments.record, arguments.choice.as_deref())?;
    let RecordedModel { record, job, task, tensors } = &recorded;
    let run = RecordedRun { job, classes: &task.classes, shape: task.shape, tensors };
    let refused = |reason: &dyn std::fmt::Display| {
        Failure::input(format!("{folder} (`{}`) cannot be exported: {reason}", record.run.method))
    };
    let exported = run.pytorch(&Device::flex()).map_err(|error| match error {
        EngineError::NotExported(reason) => refused(&reason),
        other => Failure::Work(other.to_string()),
    })?;
    let weights = weights::of_frozen(job, task.shape).map_err(|reason| refused(&reason))?;
    let origin = Origin::of(record, arguments.choice.as_deref().unwrap_or("last"))?;
    let description =
        Description::new(&recorded, &origin, weights.as_ref(), exported.classifiers.clone());
    let json = serde_json::to_string_pretty(&description)
        .map_err(|error| Failure::Work(error.to_string()))?;

    let environment = record.environment().map_err(|error| Failure::input(error.to_string()))?;
    let file = environment.environment.experiment_file;
    let roots = Roots::discover_above(file.as_deref().into_iter().chain([&*arguments.record]));
    let descriptor = Descriptor::find(&job.data.dataset, &roots)
        .inspect_err(|error| eprintln!("the card does not tell the data's licence: {error}"))
        .ok();
    let card = Card { description: &description, record, descriptor: descriptor.as_ref() };

    let out = &arguments.output;
    fs::create_dir_all(out).map_err(Failure::file("cannot make the folder", out))?;
    let bytes = encode_for_pytorch(&out.join(WEIGHTS), &exported.tensors).map_err(work)?;
    write(&out.join(WEIGHTS), &bytes)?;
    let fitted = fitted_to_target(record)?;
    if !fitted.is_empty() {
        let path = out.join(FEATURE_TRANSFORMS);
        write(&path, &encode_for_pytorch(&path, &fitted).map_err(work)?)?;
    }
    write(&out.join(DESCRIPTION), format!("{json}\n").as_bytes())?;
    write(&out.join(CARD), card.text().as_bytes())?;
    if !output.quiet {
        eprintln!("{} tensors written to {}", exported.tensors.len(), out.display());
    }
    Ok(())
}

/// What the run's feature transforms fitted to the target, without the word for it: `0.z-score.mean`.
fn fitted_to_target(record: &Record) -> Result<Vec<NamedTensor>, Failure> {
    let tensors = record.feature_transforms().map_err(|error| Failure::input(error.to_string()))?;
    let of_target = tensors.into_iter().filter_map(|(path, data)| {
        let (before, name) = path.split_once(".target.")?;
        Some(NamedTensor { path: format!("{before}.{name}"), data })
    });
    Ok(of_target.collect())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_bytes(&Destination::File(path.to_owned()), bytes).map_err(work)
}

fn work(error: RecordError) -> Failure {
    Failure::Work(error.to_string())
}
