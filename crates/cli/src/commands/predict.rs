//! `isthmus predict`: applies a recorded model to samples.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::TensorData;
use isthmus_core::augmentation::SampleKind;
use isthmus_core::context::DomainRole;
use isthmus_core::dataset::LabelledSource;
use isthmus_core::input::InputShape;
use isthmus_core::registry::{Kind, find};
use isthmus_core::spec::{Job, PluginSpec};
use isthmus_data::{Dataset, Descriptor, FittedTransforms, Roots, UnlabelledFile, Views};
use isthmus_engine::{EngineError, RecordedRun, build_objective};
use isthmus_results::record::TaskInfo;
use isthmus_results::{Destination, PredictedSamples, Record};
use isthmus_runner::{RecordedInputs, TakenWeights, find_again};

use crate::args::{OutputArguments, PredictArguments};
use crate::failure::Failure;
use crate::run;

/// Executes the command.
///
/// # Errors
/// If the record cannot be used, the samples cannot be read or are not what the model takes, or
/// the predictions cannot be written.
pub fn execute(arguments: &PredictArguments, output: OutputArguments) -> Result<(), Failure> {
    execute_above(arguments, &Roots::discover(None), output)
}

/// As [`execute`], with data sets looked for in `roots`.
///
/// # Errors
/// As of [`execute`].
pub fn execute_above(
    arguments: &PredictArguments,
    roots: &Roots,
    output: OutputArguments,
) -> Result<(), Failure> {
    let recorded = RecordedModel::open(&arguments.record, arguments.choice.as_deref())?;
    let taken = recorded.taken_by_frozen()?;
    let transforms = recorded.feature_transforms()?;
    let RecordedModel { job, task, tensors, .. } = recorded;

    let set = samples(arguments, &job, task.shape, roots)?;
    let device = run::device(arguments.device.as_deref().unwrap_or(&job.device))?;
    let inputs = RecordedInputs { job: &job, taken: taken.as_ref(), transforms };
    let set = inputs
        .of(&set, role(arguments, &job), &device)
        .map_err(|error| Failure::input(error.to_string()))?;
    check_shape(&set, task.shape)?;
    let recorded =
        RecordedRun { job: &job, classes: &task.classes, shape: task.shape, tensors: &tensors };
    let outputs =
        recorded.predict(&set, &device).map_err(|error| Failure::Work(error.to_string()))?;
    let names = (0..set.samples.rows()).map(|row| set.samples.name(row)).collect();
    let objective = build_objective(&job.objective);
    let columns = objective.and_then(|it| {
        it.describe(&outputs, &task.classes)
            .map_err(|source| EngineError::Method { method: job.objective.name.clone(), source })
    });
    let columns = columns.map_err(|error| Failure::Work(error.to_string()))?;
    let predictions = PredictedSamples { names, columns };
    let destination = Destination::from(arguments.output.as_deref().unwrap_or("-"));
    predictions.write(&destination).map_err(|error| Failure::Work(error.to_string()))?;
    if let (Destination::File(path), false) = (&destination, output.quiet) {
        eprintln!("{} predictions written to {}", outputs.rows(), path.display());
    }
    Ok(())
}

/// A record, and one of its models.
pub(super) struct RecordedModel {
    pub record: Record,
    pub job: Job,
    pub task: TaskInfo,
    /// Everything that decides the model's predictions.
    pub tensors: BTreeMap<String, TensorData>,
}

impl RecordedModel {
    /// The last model of the record in a folder, or the one that a validator chose.
    pub(super) fn open(folder: &Path, choice: Option<&str>) -> Result<Self, Failure> {
        let input = |error: isthmus_results::RecordError| Failure::input(error.to_string());
        let record = Record::open(folder).map_err(input)?;
        record.verify().map_err(input)?;
        let job = record.job().map_err(input)?;
        let Some(task) = record.task_info().map_err(input)? else {
            return Err(Failure::input_with(
                format!("{} does not name its classes", folder.display()),
                "it was made by a version before `predict`: run the experiment again",
            ));
        };
        let tensors = tensors(&record, choice)?;
        check_weights(&record, &job, &task, &tensors)?;
        Ok(Self { record, job, task, tensors })
    }

    /// What the run's feature transforms fitted.
    fn feature_transforms(&self) -> Result<FittedTransforms, Failure> {
        let tensors = self.record.feature_transforms();
        let tensors = tensors.map_err(|error| Failure::input(error.to_string()))?;
        let sources = self.job.task().sources.len();
        FittedTransforms::of_record(&self.job.data.feature_transforms, sources, &tensors)
            .map_err(|error| Failure::input(error.to_string()))
    }

    /// What a frozen extractor takes from the record of another run: it is no part of this record.
    fn taken_by_frozen(&self) -> Result<Option<TakenWeights>, Failure> {
        let Some(from) = self.task.weights_from.as_ref().filter(|_| self.job.extractor.frozen)
        else {
            return Ok(None);
        };
        Ok(Some(find_again(&self.job.extractor, from, &self.record.directory)?))
    }
}

/// Refuses a model that leaves out what a file of pretrained weights has, where that file is not
/// found or is another.
fn check_weights(
    record: &Record,
    job: &Job,
    task: &TaskInfo,
    tensors: &BTreeMap<String, TensorData>,
) -> Result<(), Failure> {
    let Some(frozen) = &task.frozen else { return Ok(()) };
    let left_out = record.left_out(frozen, tensors);
    let left_out = left_out.map_err(|error| Failure::input(error.to_string()))?;
    if left_out.is_empty() {
        return Ok(());
    }
    let found = isthmus_engine::weights(&job.extractor);
    if found.as_ref() == Some(&frozen.weights) {
        return Ok(());
    }
    let found = found.unwrap_or_else(|| "no file".to_owned());
    Err(Failure::input_with(
        format!(
            "the model in {} leaves out {} tensors of the pretrained weights of `{}` with the \
             checksum {}; found is {found}",
            record.directory.display(),
            left_out.len(),
            job.extractor.plugin.name,
            frozen.weights
        ),
        "put the file that the run began with in its place; `isthmus weights` fetches published ones",
    ))
}

/// The tensors of the last model, or of the one that a validator chose.
fn tensors(record: &Record, choice: Option<&str>) -> Result<BTreeMap<String, TensorData>, Failure> {
    let input = |error: isthmus_results::RecordError| Failure::input(error.to_string());
    let missing = || {
        let folder = record.directory.display();
        Failure::input_with(
            format!("{folder} holds no model"),
            "`models` under `[record]` of its experiment says which models are kept: run it again \
             with `--set record.models=last`",
        )
    };
    match choice {
        None | Some("last") => record.model().map_err(input)?.ok_or_else(missing),
        Some(validator) => {
            let chosen = record.chosen_model(validator).map_err(input)?;
            chosen.ok_or_else(|| {
                Failure::input_with(
                    format!(
                        "{} holds no model that `{validator}` chose",
                        record.directory.display()
                    ),
                    "`--choice` is `last` or one of the run's validators",
                )
            })
        }
    }
}

/// What the samples are to the run: those of a source where its domain is named, else the target's.
fn role(arguments: &PredictArguments, job: &Job) -> DomainRole {
    let named = arguments.domain.as_ref().filter(|_| arguments.data == job.data.dataset);
    let source = named.and_then(|name| job.task().sources.iter().position(|it| it == name));
    source.map_or(DomainRole::Target, DomainRole::Source)
}

/// The samples that are named: a domain of the data set, or a folder or file.
fn samples(
    arguments: &PredictArguments,
    job: &Job,
    shape: InputShape,
    roots: &Roots,
) -> Result<LabelledSource, Failure> {
    let failed = |error: isthmus_core::error::DataError| Failure::input(error.to_string());
    let transform = job.data.transform.as_ref();
    let path = Path::new(&arguments.data);
    if path.exists() {
        // What a frozen extractor makes features of.
        let frozen = job.extractor.frozen;
        let kind = match frozen {
            false => SampleKind::of(shape),
            true if takes_texts(job) => SampleKind::Text,
            true => SampleKind::Image,
        };
        let lengths = matches!(shape, InputShape::VariableSeries { .. });
        let lengths = lengths.then_some(arguments.lengths.as_str());
        let array = arguments.array.as_deref();
        let file = UnlabelledFile { path, kind, array, lengths, transform };
        return file.read().map_err(failed);
    }
    let descriptor = Descriptor::find(&arguments.data, roots).map_err(|error| {
        Failure::input_with(
            format!("{}: no such folder or file, and no such data set: {error}", path.display()),
            "name a folder, a file, or a data set with `--domain`",
        )
    })?;
    let domain = arguments.domain.as_deref().unwrap_or(&job.task().target);
    let dataset = Dataset::load_named(&descriptor, &[domain], transform, &Views::default(), roots)
        .map_err(failed)?;
    dataset.domains[0].all().map_err(failed)
}

/// Whether the extractor takes texts.
fn takes_texts(job: &Job) -> bool {
    let PluginSpec { name, config } = &job.extractor.plugin;
    find(Kind::Extractor, name)
        .is_some_and(|plugin| (plugin.samples)(config).contains(&SampleKind::Text))
}

fn check_shape(set: &LabelledSource, expected: InputShape) -> Result<(), Failure> {
    let found = set.samples.shape();
    if expected.takes(found) {
        return Ok(());
    }
    Err(Failure::input(format!("the model takes {expected}, these samples are {found}")))
}
