//! The extractor of one record.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use burn::tensor::{Device, TensorData};
use isthmus_core::error::NetworkError;
use isthmus_core::input::InputShape;
use isthmus_core::parts::{BuildContext, Extractor};
use isthmus_core::random::Key;
use isthmus_core::spec::{
    ExtractorSpec, Job, LAST, LabelledDomain, PluginSpec, Transform, WeightsFrom,
};
use isthmus_engine::{build_extractor, weights};
use isthmus_results::record::{TakenInfo, TaskInfo, read_records};
use isthmus_results::{Record, RecordError};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::WeightsFromError;

/// Begins the names of the extractor's tensors in a record.
const EXTRACTOR: &str = "extractor.";
/// The field of extractors that says what they begin with: it may differ.
const WEIGHTS: &str = "weights";

/// The tensors of an extractor that another run trained.
#[derive(Clone, Debug)]
pub struct TakenWeights {
    /// Which run's they are, and their hash.
    pub info: TakenInfo,
    /// The record.
    pub folder: PathBuf,
    /// The tensors by their paths in the extractor.
    pub tensors: BTreeMap<String, TensorData>,
    /// Number of sources of that run, for which norm layers keep statistics.
    pub sources: usize,
    /// Shape of the samples that the extractor took.
    pub shape: InputShape,
    /// Domains whose labels they were trained on.
    pub labelled: BTreeSet<LabelledDomain>,
    /// How images became such samples.
    pub transform: Option<Transform>,
}

impl TakenWeights {
    /// Reads the tensors for an extractor of this specification.
    ///
    /// # Errors
    /// If there is no such record or model, or its extractor is not the same.
    pub fn read(plugin: &PluginSpec, from: &WeightsFrom) -> Result<Self, WeightsFromError> {
        let record = only_record(from.folder())?;
        let folder = record.directory.clone();
        let failed = |error: RecordError| WeightsFromError::Record(Box::new(error));
        let job = record.job().map_err(failed)?;
        check_same(&folder, &job.extractor.plugin, plugin)?;
        if job.extractor.frozen {
            let from = job.extractor.weights_from.map(|from| from.record);
            return Err(WeightsFromError::Frozen { folder, from });
        }
        let task = record.task_info().map_err(failed)?;
        let task = task.ok_or_else(|| WeightsFromError::Earlier(folder.clone()))?;
        let own = |(path, data): (String, TensorData)| {
            Some((path.strip_prefix(EXTRACTOR)?.to_owned(), data))
        };
        let model = model_of(&record, &from.choice)?;
        let needs_file = needs_file(&record, &job, &task, &model)?;
        let mut tensors: BTreeMap<_, _> = model.into_iter().filter_map(own).collect();
        if needs_file {
            complete(&job, &task, &mut tensors)?;
        }
        let (shape, sources) = (task.shape, job.task().sources.len());
        let info = TakenInfo {
            experiment: record.run.experiment.clone(),
            run: record.run.id.clone(),
            choice: from.choice.clone(),
            sha256: hash_of(&tensors),
        };
        let labelled = labelled_domains(&job, record.run.target_labels_used);
        let transform = job.data.transform;
        let taken = Self { info, folder, tensors, sources, shape, labelled, transform };
        taken.check(plugin, shape, sources)?;
        Ok(taken)
    }

    /// Whether an extractor of `plugin` for samples of `shape` and so many sources has these tensors.
    ///
    /// # Errors
    /// Names the first one that it has not, or that these lack, or that has another shape.
    pub fn check(
        &self,
        plugin: &PluginSpec,
        shape: InputShape,
        sources: usize,
    ) -> Result<(), WeightsFromError> {
        let mut needed = shapes_of(plugin, shape, sources)?;
        let mut wrong = None;
        for (path, data) in &self.tensors {
            let (found, expected) = (data.shape().to_vec(), needed.remove(path));
            if expected.as_ref() != Some(&found) {
                wrong = wrong.or(Some((path.clone(), Some(found), expected)));
            }
        }
        let lacking = needed.into_iter().next().map(|(path, shape)| (path, None, Some(shape)));
        match wrong.or(lacking) {
            None => Ok(()),
            Some((tensor, found, expected)) => {
                let folder = self.folder.clone();
                Err(WeightsFromError::Tensor { folder, tensor, found, expected })
            }
        }
    }

    /// Gives the tensors to an extractor.
    ///
    /// # Errors
    /// If it is not the one that they were [checked](Self::check) for.
    pub fn put_into(&self, extractor: &mut dyn Extractor) -> Result<(), NetworkError> {
        extractor.load_tensors(&self.tensors)
    }
}

/// The weights that a finished run took from another one's record, for what its own record does not
/// hold. They are looked for where the run found them, then beside the run's `record`, in the same
/// folder of results.
///
/// # Errors
/// If the other record is not there, or is another one by now.
pub fn find_again(
    extractor: &ExtractorSpec,
    info: &TakenInfo,
    record: &Path,
) -> Result<TakenWeights, WeightsFromError> {
    let stated = extractor.weights_from.as_ref().map(|from| PathBuf::from(&from.record));
    let results = std::path::absolute(record).ok();
    let results = results.as_deref().and_then(Path::parent).and_then(Path::parent);
    let beside = results.map(|results| results.join(&info.experiment).join(&info.run));
    let places: Vec<PathBuf> = stated.into_iter().chain(beside).collect();
    let mut first = None;
    for place in &places {
        let from = WeightsFrom {
            found_at: Some(place.clone()),
            ..WeightsFrom::new("", info.choice.clone())
        };
        let found = TakenWeights::read(&extractor.plugin, &from);
        match found.and_then(|taken| taken.expected_to_be(&info.sha256)) {
            Ok(taken) => return Ok(taken),
            Err(error) if error.is_absence() => {}
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| WeightsFromError::Gone {
        experiment: info.experiment.clone(),
        run: info.run.clone(),
        sha256: info.sha256.clone(),
        searched: places.iter().map(|place| place.display().to_string()).collect(),
    }))
}

impl TakenWeights {
    /// The same, where their hash is this one.
    pub(super) fn expected_to_be(self, sha256: &str) -> Result<Self, WeightsFromError> {
        if self.info.sha256 == sha256 {
            return Ok(self);
        }
        let (folder, found) = (self.folder, self.info.sha256);
        Err(WeightsFromError::Changed { folder, expected: sha256.to_owned(), found })
    }
}

/// The only finished record at or below a folder.
fn only_record(folder: &Path) -> Result<Record, WeightsFromError> {
    if !folder.is_dir() {
        return Err(WeightsFromError::NoFolder(folder.to_owned()));
    }
    let set = read_records(&[folder.to_owned()]);
    let mut set = set.map_err(|error| WeightsFromError::Record(Box::new(error)))?;
    match set.records.len() {
        1 => Ok(set.records.remove(0)),
        0 => {
            let found = set.warnings.iter().map(ToString::to_string).collect();
            Err(WeightsFromError::NoRecord { folder: folder.to_owned(), found })
        }
        _ => {
            let said = |record: &Record| {
                let run = &record.run;
                let place = record.directory.display();
                format!("{place}: {}, {}, seed {}", run.method, run.task, run.seed)
            };
            let runs = set.records.iter().map(said).collect();
            Err(WeightsFromError::Several { folder: folder.to_owned(), runs })
        }
    }
}

/// All tensors of a model of the record.
fn model_of(
    record: &Record,
    choice: &str,
) -> Result<BTreeMap<String, TensorData>, WeightsFromError> {
    let failed = |error: RecordError| WeightsFromError::Record(Box::new(error));
    let last = || record.model().map_err(failed);
    let found =
        if choice == LAST { last()? } else { record.chosen_model(choice).map_err(failed)? };
    if let Some(tensors) = found {
        return Ok(tensors);
    }
    let chosen = record.chosen().map_err(failed)?;
    let validators = chosen.iter().flat_map(|chosen| chosen.by_validator().keys().cloned());
    let there = last()?.is_some().then(|| LAST.to_owned()).into_iter().chain(validators).collect();
    let folder = record.directory.clone();
    Err(WeightsFromError::NoChoice { folder, choice: choice.to_owned(), there })
}

/// Domains whose labels a run trained on: its sources, its target where it says so, and those of the
/// weights that it began with.
fn labelled_domains(job: &Job, target_labels_used: bool) -> BTreeSet<LabelledDomain> {
    let task = job.task();
    let targets = task.target_domains().into_iter().filter(|_| target_labels_used);
    let own = task.sources.iter().map(String::as_str).chain(targets).map(|domain| LabelledDomain {
        dataset: job.data.dataset.clone(),
        domain: domain.to_owned(),
    });
    let before = job.extractor.weights_from.iter().flat_map(|from| from.labelled.clone());
    own.chain(before).collect()
}

/// Refuses another extractor, or one of other fields.
pub(super) fn check_same(
    folder: &Path,
    found: &PluginSpec,
    expected: &PluginSpec,
) -> Result<(), WeightsFromError> {
    let folder = || folder.to_owned();
    if found.name != expected.name {
        let (found, expected) = (found.name.clone(), expected.name.clone());
        return Err(WeightsFromError::Plugin { folder: folder(), found, expected });
    }
    let fields = |plugin: &PluginSpec| plugin.config.as_object().cloned().unwrap_or_default();
    let (found, expected) = (fields(found), fields(expected));
    for field in expected.keys().chain(found.keys()).filter(|field| *field != WEIGHTS) {
        let value = |fields: &serde_json::Map<String, Value>| {
            fields.get(field).cloned().unwrap_or(Value::Null)
        };
        let (found, expected) = (value(&found), value(&expected));
        if found != expected {
            let (found, expected) = (format!("{field} = {found}"), format!("{field} = {expected}"));
            return Err(WeightsFromError::Configuration { folder: folder(), found, expected });
        }
    }
    Ok(())
}

/// Whether a model leaves out what the file of pretrained weights has that its run began with; that
/// file is then there.
fn needs_file(
    record: &Record,
    job: &Job,
    task: &TaskInfo,
    model: &BTreeMap<String, TensorData>,
) -> Result<bool, WeightsFromError> {
    let Some(frozen) = &task.frozen else { return Ok(false) };
    let left_out = record.left_out(frozen, model);
    if left_out.map_err(|error| WeightsFromError::Record(Box::new(error)))?.is_empty() {
        return Ok(false);
    }
    let found = weights(&job.extractor);
    if found.as_ref() == Some(&frozen.weights) {
        return Ok(true);
    }
    let (folder, expected) = (record.directory.clone(), frozen.weights.clone());
    let found = found.unwrap_or_else(|| "no file".to_owned());
    Err(WeightsFromError::Pretrained { folder, expected, found })
}

/// Adds what the file of pretrained weights has.
fn complete(
    job: &Job,
    task: &TaskInfo,
    tensors: &mut BTreeMap<String, TensorData>,
) -> Result<(), WeightsFromError> {
    let plugin = &job.extractor.plugin;
    let begun = build_extractor(plugin, task.shape, &context(job.task().sources.len()));
    let begun = begun.map_err(Box::new)?;
    for tensor in begun.tensors() {
        tensors.entry(tensor.path).or_insert(tensor.data);
    }
    Ok(())
}

/// The shapes of an extractor's tensors.
pub(super) fn shapes_of(
    plugin: &PluginSpec,
    shape: InputShape,
    sources: usize,
) -> Result<BTreeMap<String, Vec<usize>>, WeightsFromError> {
    let extractor = build_extractor(plugin, shape, &context(sources)).map_err(Box::new)?;
    let tensors = extractor.tensors().into_iter();
    Ok(tensors.map(|tensor| (tensor.path, tensor.data.shape().to_vec())).collect())
}

/// What an extractor is told that is built to be looked at.
fn context(sources: usize) -> BuildContext {
    BuildContext { device: Device::flex(), key: Key::new(0), sources }
}

/// SHA-256 of names, shapes and values.
fn hash_of(tensors: &BTreeMap<String, TensorData>) -> String {
    let mut hasher = Sha256::new();
    for (path, data) in tensors {
        let shape = data.shape().to_vec();
        for length in [path.len(), shape.len()].into_iter().chain(shape) {
            hasher.update((length as u64).to_le_bytes());
        }
        hasher.update(path);
        hasher.update(data.as_bytes());
    }
    format!("{:x}", hasher.finalize())
}
