//! Reads finished records.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use burn::tensor::TensorData;
use isthmus_core::spec::Job;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::begin::directory;
use super::chosen::Chosen;
use super::environment::EnvironmentFile;
use super::events::{Event, TimedEvent};
use super::files::{self, parse_marker, sha256};
use super::header::{FormatFile, RunFile, RunInfo};
use super::metrics::{self, MetricRow};
use super::predictions::{self, Prediction};
use super::task::FrozenInfo;
use super::{
    CHOSEN, DONE, ENVIRONMENT, EVENTS, FEATURE_TRANSFORMS, FORMAT, JOB, METRICS, MODEL, OUTPUTS,
    OUTPUTS_BEFORE, PARTIAL, PICTURES, PREDICTIONS, TASK, TaskInfo, model, read_events,
};
use crate::error::RecordError;

/// A finished record. What tables need is read at once, the rest when it is asked for.
#[derive(Clone, Debug)]
pub struct Record {
    /// The record's folder.
    pub directory: PathBuf,
    /// What was run.
    pub run: RunInfo,
    /// The metrics, in the order in which they were measured.
    pub metrics: Vec<MetricRow>,
    digests: BTreeMap<String, String>,
}

/// Whether the run has a finished record below the folder `results`.
///
/// # Errors
/// If the experiment's name cannot name a folder.
pub fn is_finished(results: &Path, experiment: &str, id: &str) -> Result<bool, RecordError> {
    Ok(directory(results, experiment, id)?.join(DONE).is_file())
}

impl Record {
    /// Reads the record in `directory`, and checks `job.json` and `metrics.csv` against the
    /// marker.
    ///
    /// # Errors
    /// If the record is unfinished, damaged or of a newer format, or a file cannot be read.
    pub fn open(directory: &Path) -> Result<Self, RecordError> {
        let Essentials { run, metrics, digests, .. } = Essentials::read(directory)?;
        let metrics = metrics::parse(&directory.join(METRICS), &metrics)?;
        Ok(Self { directory: directory.to_owned(), run, metrics, digests })
    }

    /// The resolved job.
    ///
    /// # Errors
    /// If `job.json` cannot be read, or was written by a version whose jobs have other fields.
    pub fn job(&self) -> Result<Job, RecordError> {
        let path = self.directory.join(JOB);
        serde_json::from_value(self.job_value()?)
            .map_err(|error| RecordError::damaged(&path, error))
    }

    /// The resolved job as it was written, whatever version wrote it.
    ///
    /// # Errors
    /// If `job.json` cannot be read.
    pub fn job_value(&self) -> Result<Value, RecordError> {
        read_job(&self.directory)
    }

    /// The machine and the times.
    ///
    /// # Errors
    /// If `environment.json` cannot be read.
    pub fn environment(&self) -> Result<EnvironmentFile, RecordError> {
        read_json(&self.directory.join(ENVIRONMENT))
    }

    /// The events.
    ///
    /// # Errors
    /// If `events.jsonl` cannot be read.
    pub fn events(&self) -> Result<Vec<TimedEvent>, RecordError> {
        read_events(&self.directory)
    }

    /// The predicted classes of the target's test rows; `None` where none were kept, or other things
    /// than classes were predicted.
    ///
    /// # Errors
    /// If `predictions.csv` cannot be read or is damaged.
    pub fn predictions(&self) -> Result<Option<Vec<Prediction>>, RecordError> {
        if !self.digests.contains_key(PREDICTIONS) {
            return Ok(None);
        }
        let path = self.directory.join(PREDICTIONS);
        predictions::parse(&path, &self.text(PREDICTIONS)?)
    }

    /// The tensors of the final checkpoint by path; `None` where none was kept.
    ///
    /// # Errors
    /// If `model.safetensors` cannot be read or is damaged.
    pub fn model(&self) -> Result<Option<BTreeMap<String, TensorData>>, RecordError> {
        if !self.digests.contains_key(MODEL) {
            return Ok(None);
        }
        self.tensors(MODEL).map(Some)
    }

    /// Which validator chose which evaluation, and the file of its model; `None` where there was
    /// nothing to choose.
    ///
    /// # Errors
    /// If `chosen.json` cannot be read or is damaged.
    pub fn chosen(&self) -> Result<Option<Chosen>, RecordError> {
        if !self.digests.contains_key(CHOSEN) {
            return Ok(None);
        }
        let path = self.directory.join(CHOSEN);
        let chosen = serde_json::from_slice(&self.bytes(CHOSEN)?);
        chosen.map(Some).map_err(|error| RecordError::damaged(&path, error))
    }

    /// The tensors of the model that a validator chose; `None` where it chose none.
    ///
    /// # Errors
    /// If a file cannot be read or is damaged.
    pub fn chosen_model(
        &self,
        validator: &str,
    ) -> Result<Option<BTreeMap<String, TensorData>>, RecordError> {
        let Some(chosen) = self.chosen()? else { return Ok(None) };
        let choice = chosen.by_validator().get(validator);
        choice.map(|choice| self.tensors(&choice.model())).transpose()
    }

    /// The names of the tensors that a model of this record leaves out, since the file of pretrained
    /// weights that its run began with has them. A model from before the last may leave out more
    /// than the last.
    ///
    /// # Errors
    /// If the last model cannot be read or is damaged.
    pub fn left_out(
        &self,
        frozen: &FrozenInfo,
        model: &BTreeMap<String, TensorData>,
    ) -> Result<Vec<String>, RecordError> {
        let last = self.model()?.unwrap_or_default();
        let all = last.into_keys().chain(frozen.tensors.iter().cloned());
        Ok(all.filter(|name| !model.contains_key(name)).collect())
    }

    /// What the model takes and which classes it tells apart; `None` where an earlier version did
    /// not write it down.
    ///
    /// # Errors
    /// If `task.json` cannot be read or is damaged.
    pub fn task_info(&self) -> Result<Option<TaskInfo>, RecordError> {
        if !self.digests.contains_key(TASK) {
            return Ok(None);
        }
        let path = self.directory.join(TASK);
        let task = serde_json::from_slice(&self.bytes(TASK)?);
        task.map(Some).map_err(|error| RecordError::damaged(&path, error))
    }

    /// What the run's feature transforms fitted, by name; nothing where it has none.
    ///
    /// # Errors
    /// If the file cannot be read or is damaged.
    pub fn feature_transforms(&self) -> Result<BTreeMap<String, TensorData>, RecordError> {
        match self.digests.contains_key(FEATURE_TRANSFORMS) {
            true => self.tensors(FEATURE_TRANSFORMS),
            false => Ok(BTreeMap::new()),
        }
    }

    /// The tensors of one of the record's safetensors files by path.
    ///
    /// # Errors
    /// If the file cannot be read or is damaged.
    pub fn tensors(&self, name: &str) -> Result<BTreeMap<String, TensorData>, RecordError> {
        model::decode(&self.directory.join(name), &self.bytes(name)?)
    }

    /// Features, logits and labels of some source and target samples, by name; `None` where none
    /// were kept.
    ///
    /// # Errors
    /// If `outputs.safetensors` cannot be read or is damaged.
    pub fn outputs(&self) -> Result<Option<BTreeMap<String, TensorData>>, RecordError> {
        if !self.digests.contains_key(OUTPUTS) {
            return Ok(None);
        }
        self.tensors(OUTPUTS).map(Some)
    }

    /// Features and labels of these samples by the model that the last stage started from, by
    /// name; `None` where none were kept.
    ///
    /// # Errors
    /// If `outputs-before.safetensors` cannot be read or is damaged.
    pub fn outputs_before(&self) -> Result<Option<BTreeMap<String, TensorData>>, RecordError> {
        if !self.digests.contains_key(OUTPUTS_BEFORE) {
            return Ok(None);
        }
        self.tensors(OUTPUTS_BEFORE).map(Some)
    }

    /// Images `[images, channels, height, width]` that show what a method does, by their captions;
    /// `None` where it shows none.
    ///
    /// # Errors
    /// If `pictures.safetensors` cannot be read or is damaged.
    pub fn pictures(&self) -> Result<Option<BTreeMap<String, TensorData>>, RecordError> {
        if !self.digests.contains_key(PICTURES) {
            return Ok(None);
        }
        self.tensors(PICTURES).map(Some)
    }

    /// SHA-256 by name of the files that are the same when the run is repeated. Two records of a
    /// run are equal, times apart, if these are.
    pub fn digests(&self) -> &BTreeMap<String, String> {
        &self.digests
    }

    /// Checks every file that the marker names.
    ///
    /// # Errors
    /// If one cannot be read or is not what was written.
    pub fn verify(&self) -> Result<(), RecordError> {
        self.digests.keys().try_for_each(|name| self.bytes(name).map(|_| ()))
    }

    /// The bytes of a file, checked against the marker.
    fn bytes(&self, name: &str) -> Result<Vec<u8>, RecordError> {
        let path = self.directory.join(name);
        let bytes = fs::read(&path).map_err(RecordError::io("cannot read", &path))?;
        check(&self.directory, &self.digests, name, &bytes)?;
        Ok(bytes)
    }

    fn text(&self, name: &str) -> Result<String, RecordError> {
        String::from_utf8(self.bytes(name)?)
            .map_err(|error| RecordError::damaged(&self.directory.join(name), error))
    }
}

/// What tables need of a record.
pub(super) struct Essentials {
    pub run: RunInfo,
    /// The text of `metrics.csv`.
    pub metrics: String,
    pub digests: BTreeMap<String, String>,
    /// What was known of `done`, `job.json` and `metrics.csv` before they were read.
    pub files: [Metadata; 3],
}

impl Essentials {
    /// Reads the record in `directory`, and checks `job.json` and `metrics.csv` against the
    /// marker.
    pub(super) fn read(directory: &Path) -> Result<Self, RecordError> {
        let done = directory.join(DONE);
        let (marker, of_marker) = match files::read(&done) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(unfinished(directory));
            }
            Err(error) => return Err(RecordError::io("cannot read", &done)(error)),
        };
        if directory.extension().is_some_and(|extension| extension == PARTIAL) {
            let reason = "the process ended before the complete record was put in place";
            return Err(RecordError::Unfinished {
                directory: directory.to_owned(),
                reason: reason.to_owned(),
            });
        }
        let marker =
            String::from_utf8(marker).map_err(|error| RecordError::damaged(&done, error))?;
        let digests = parse_marker(&done, &marker)?;
        let path = directory.join(JOB);
        let (job, of_job) = files::read(&path).map_err(RecordError::io("cannot read", &path))?;
        let run = parse_run(&path, &job)?;
        check(directory, &digests, JOB, &job)?;
        let path = directory.join(METRICS);
        let (metrics, of_metrics) =
            files::read(&path).map_err(RecordError::io("cannot read", &path))?;
        check(directory, &digests, METRICS, &metrics)?;
        let metrics =
            String::from_utf8(metrics).map_err(|error| RecordError::damaged(&path, error))?;
        Ok(Self { run, metrics, digests, files: [of_marker, of_job, of_metrics] })
    }
}

/// Checks the bytes of a file against the marker.
fn check(
    directory: &Path,
    digests: &BTreeMap<String, String>,
    name: &str,
    bytes: &[u8],
) -> Result<(), RecordError> {
    match digests.get(name) {
        Some(digest) if *digest == sha256(bytes) => Ok(()),
        Some(_) => {
            let path = directory.join(name);
            Err(RecordError::damaged(&path, "it changed after the run was finished"))
        }
        None => {
            let done = directory.join(DONE);
            Err(RecordError::damaged(&done, format!("it does not name {name}")))
        }
    }
}

/// The job of the record in `directory`.
pub(crate) fn read_job(directory: &Path) -> Result<Value, RecordError> {
    let path = directory.join(JOB);
    match read_json::<Value>(&path)?.get_mut("job") {
        Some(job) => Ok(job.take()),
        None => Err(RecordError::damaged(&path, "it has no `job`")),
    }
}

fn parse_run(path: &Path, json: &[u8]) -> Result<RunInfo, RecordError> {
    let damaged = |error: serde_json::Error| RecordError::damaged(path, error);
    let newer = |format| format > FORMAT;
    match serde_json::from_slice::<RunFile>(json) {
        Ok(file) if !newer(file.format) => Ok(file.run),
        result => {
            // A newer format must be named as such, whatever fields it has.
            let FormatFile { format } = serde_json::from_slice(json).map_err(damaged)?;
            if newer(format) {
                let file = path.to_owned();
                return Err(RecordError::Format { file, found: format, newest: FORMAT });
            }
            Ok(result.map_err(damaged)?.run)
        }
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, RecordError> {
    let text = fs::read_to_string(path).map_err(RecordError::io("cannot read", path))?;
    serde_json::from_str(&text).map_err(|error| RecordError::damaged(path, error))
}

fn unfinished(directory: &Path) -> RecordError {
    let path = directory.join(EVENTS);
    // The events of an interrupted run may end in half a line, which is no news here.
    let cause = fs::read_to_string(&path).ok().and_then(|text| {
        match serde_json::from_str(text.lines().last()?) {
            Ok(Event::Failed { cause }) => Some(format!("the run failed: {cause}")),
            _ => None,
        }
    });
    RecordError::Unfinished {
        directory: directory.to_owned(),
        reason: cause.unwrap_or_else(|| format!("it has no `{DONE}` file")),
    }
}
