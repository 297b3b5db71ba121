//! Writes a record while its run goes on.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::objective::PredictionColumn;
use jiff::Timestamp;
use serde::Serialize;

use super::checkpoint::{self, Saved};
use super::chosen::{Chosen, model_of_step};
use super::environment::{EnvironmentFile, peak_memory};
use super::events::{Event, EventLog};
use super::files::{marker, sha256, write_atomically};
use super::metrics::{self, MetricRow};
use super::predictions;
use super::{
    CHECKPOINT, CHOSEN, DONE, ENVIRONMENT, EVENTS, FEATURE_TRANSFORMS, METRICS, MODEL, OUTPUTS,
    OUTPUTS_BEFORE, PICTURES, PREDICTIONS, REPLACED, SPLITS, TASK, TaskInfo, model,
};
use crate::error::RecordError;

/// How often it is tried to move an earlier record aside.
const MOVE_ATTEMPTS: usize = 20;
/// Time between two of these attempts.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// A record that is being written, in `<results>/<experiment>/<run id>.partial`.
///
/// Dropped before [`finish`](Self::finish), it leaves that folder with its events behind, to see
/// what happened; an earlier finished record of the same run is untouched.
#[derive(Debug)]
pub struct RecordWriter {
    pub(super) directory: PathBuf,
    pub(super) partial: PathBuf,
    /// Keeps other processes away until the record is in its place.
    pub(super) held: Option<File>,
    pub(super) environment: EnvironmentFile,
    pub(super) events: EventLog,
    pub(super) metrics: Vec<MetricRow>,
    /// Place of the last stage, whose evaluations validators choose from.
    pub(super) last_stage: usize,
    pub(super) chosen: Chosen,
    pub(super) digests: BTreeMap<String, String>,
    /// The file that could not be written, if any: such a record must not take the place of an
    /// earlier one, even if the caller goes on.
    pub(super) failed: Option<&'static str>,
}

impl RecordWriter {
    /// The folder of the finished record.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A handle to append events with, e.g. for a layer of log lines.
    pub fn events(&self) -> EventLog {
        self.events.clone()
    }

    /// Appends an event.
    ///
    /// # Errors
    /// If the event file cannot be written.
    pub fn event(&self, event: &Event) -> Result<(), RecordError> {
        self.events.append(event)
    }

    /// Adds the metrics of one evaluation, after `step` steps of `stage` (counted from 0), as
    /// rows of `metrics.csv` and as an event. Accuracies are fractions in [0, 1].
    ///
    /// # Errors
    /// If a name cannot be written, or the event file cannot.
    pub fn evaluation(
        &mut self,
        stage: usize,
        step: usize,
        values: &[(&str, f64)],
    ) -> Result<(), RecordError> {
        for (name, _) in values {
            metrics::check_name(name)?;
        }
        self.metrics.extend(values.iter().map(|&(name, value)| MetricRow {
            stage,
            step,
            metric: name.to_owned(),
            value,
        }));
        let metrics = values.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
        self.event(&Event::Evaluation { stage, step, metrics })
    }

    /// Takes over the metrics of evaluations that were made before: by an interrupted run, or by
    /// another job that begins with the same stages.
    pub fn restore(&mut self, rows: Vec<MetricRow>) {
        for row in rows.iter().filter(|row| row.stage == self.last_stage) {
            self.chosen.observe(row.step, [(row.metric.as_str(), row.value)]);
        }
        self.metrics = rows;
    }

    /// The metrics of all evaluations so far.
    pub fn metrics(&self) -> &[MetricRow] {
        &self.metrics
    }

    /// Keeps the model of an evaluation of the last stage where a validator prefers it to all
    /// before; models that no validator chooses any longer are removed.
    ///
    /// # Errors
    /// If a file cannot be written or removed.
    pub fn choose(
        &mut self,
        stage: usize,
        step: usize,
        values: &[(&str, f64)],
        model: &mut dyn FnMut() -> Vec<NamedTensor>,
    ) -> Result<(), RecordError> {
        if stage != self.last_stage || !self.chosen.observe(step, values.iter().copied()) {
            return Ok(());
        }
        let path = self.partial.join(model_of_step(step));
        let bytes = model::encode(&path, &model())?;
        write_atomically(&path, |file| file.write_all(&bytes))?;
        self.remove_unchosen()
    }

    pub(super) fn remove_unchosen(&self) -> Result<(), RecordError> {
        let kept = self.chosen.steps();
        let folder =
            fs::read_dir(&self.partial).map_err(RecordError::io("cannot read", &self.partial))?;
        for entry in folder {
            let entry = entry.map_err(RecordError::io("cannot read", &self.partial))?;
            let name = entry.file_name();
            let step = name.to_str().and_then(step_of_chosen_model);
            if step.is_some_and(|step| !kept.contains(&step)) {
                let path = entry.path();
                fs::remove_file(&path).map_err(RecordError::io("cannot remove", &path))?;
            }
        }
        Ok(())
    }

    /// Keeps what an interrupted run needs to go on, in the place of an earlier checkpoint;
    /// `seconds` of training have been spent on it.
    ///
    /// # Errors
    /// If it cannot be written; the earlier checkpoint is then untouched.
    pub fn checkpoint(&mut self, checkpoint: Checkpoint, seconds: f64) -> Result<(), RecordError> {
        let path = self.partial.join(CHECKPOINT);
        let saved = Saved { checkpoint, rows: self.metrics.clone(), seconds };
        let bytes = checkpoint::encode(&path, &saved)?;
        write_atomically(&path, |file| file.write_all(&bytes)).map(|_| ())
    }

    /// Writes how the samples were split.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn splits(&mut self, splits: &impl Serialize) -> Result<(), RecordError> {
        self.repeatable(SPLITS, |file| write_json(file, splits))
    }

    /// Writes what the run's feature transforms fitted to its domains.
    ///
    /// # Errors
    /// If two tensors have one name, one is not `f32`, or the file cannot be written.
    pub fn feature_transforms(&mut self, tensors: &[NamedTensor]) -> Result<(), RecordError> {
        let bytes = model::encode(&self.partial.join(FEATURE_TRANSFORMS), tensors)?;
        self.repeatable(FEATURE_TRANSFORMS, |file| file.write_all(&bytes))
    }

    /// Writes what the model takes and tells apart.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn task(&mut self, task: &TaskInfo) -> Result<(), RecordError> {
        self.repeatable(TASK, |file| write_json(file, task))
    }

    /// Writes features, logits and labels of some samples.
    ///
    /// # Errors
    /// If two tensors have one name, one is not `f32`, or the file cannot be written.
    pub fn outputs(&mut self, tensors: &[NamedTensor]) -> Result<(), RecordError> {
        let bytes = model::encode(&self.partial.join(OUTPUTS), tensors)?;
        self.repeatable(OUTPUTS, |file| file.write_all(&bytes))
    }

    /// Writes features and labels of these samples by the model that the last stage starts from.
    /// An interrupted run that has begun its last stage finds this file again.
    ///
    /// # Errors
    /// If two tensors have one name, one is not `f32`, or the file cannot be written.
    pub fn outputs_before(&mut self, tensors: &[NamedTensor]) -> Result<(), RecordError> {
        let bytes = model::encode(&self.partial.join(OUTPUTS_BEFORE), tensors)?;
        self.repeatable(OUTPUTS_BEFORE, |file| file.write_all(&bytes))
    }

    /// Whether [`outputs_before`](Self::outputs_before) was written, by this run or before it was
    /// interrupted.
    pub fn has_outputs_before(&self) -> bool {
        self.digests.contains_key(OUTPUTS_BEFORE)
    }

    /// Takes over what an interrupted run wrote before its last stage.
    pub(super) fn take_over_outputs_before(&mut self) -> Result<(), RecordError> {
        let path = self.partial.join(OUTPUTS_BEFORE);
        match fs::read(&path) {
            Ok(bytes) => {
                self.digests.insert(OUTPUTS_BEFORE.to_owned(), sha256(&bytes));
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(RecordError::io("cannot read", &path)(error)),
        }
    }

    /// Writes images that show what a method does, by their captions.
    ///
    /// # Errors
    /// If two have one caption, one is not `f32`, or the file cannot be written.
    pub fn pictures(&mut self, images: &[NamedTensor]) -> Result<(), RecordError> {
        let bytes = model::encode(&self.partial.join(PICTURES), images)?;
        self.repeatable(PICTURES, |file| file.write_all(&bytes))
    }

    /// Writes the final checkpoint.
    ///
    /// # Errors
    /// If two tensors have one name, one is not `f32`, or the file cannot be written.
    pub fn model(&mut self, tensors: &[NamedTensor]) -> Result<(), RecordError> {
        let bytes = match model::encode(&self.partial.join(MODEL), tensors) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.failed = Some(MODEL);
                return Err(error);
            }
        };
        self.repeatable(MODEL, |file| file.write_all(&bytes))
    }

    /// Writes the predictions for the target's test samples, which have these names.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn predictions(
        &mut self,
        names: &[String],
        columns: &[PredictionColumn],
    ) -> Result<(), RecordError> {
        self.repeatable(PREDICTIONS, |file| {
            predictions::write(names, columns, file).map_err(std::io::Error::other)
        })
    }

    /// Completes the record, puts it in the place of an earlier one, and returns its folder.
    ///
    /// # Errors
    /// If a file cannot be written, now or earlier, or the folder cannot be renamed.
    pub fn finish(mut self) -> Result<PathBuf, RecordError> {
        if let Some(name) = self.failed {
            let reason = format!("{name} could not be written");
            return Err(RecordError::Unfinished { directory: self.partial, reason });
        }
        let copies = self.settle_chosen()?;
        let rows = std::mem::take(&mut self.metrics);
        self.repeatable(METRICS, |file| metrics::write(&rows, file))?;
        self.environment.finished = Some(Timestamp::now());
        self.environment.peak_memory_bytes = peak_memory();
        self.write_environment()?;
        self.events.close()?;
        let text = marker(&self.digests);
        write_atomically(&self.partial.join(DONE), |file| file.write_all(text.as_bytes()))?;
        let checkpoint = self.partial.join(CHECKPOINT);
        match fs::remove_file(&checkpoint) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(RecordError::io("cannot remove", &checkpoint)(error));
            }
            _ => {}
        }
        // Until here the run could be interrupted and taken up, and would look for them.
        for path in copies {
            fs::remove_file(&path).map_err(RecordError::io("cannot remove", &path))?;
        }
        self.take_place()?;
        Ok(self.directory)
    }

    /// Writes which validator chose which model; returns the files of models that are stored
    /// elsewhere in the record.
    fn settle_chosen(&mut self) -> Result<Vec<PathBuf>, RecordError> {
        if self.chosen.is_empty() {
            return Ok(Vec::new());
        }
        let last = self.digests.get(MODEL).map(|digest| (digest.clone(), MODEL.to_owned()));
        let mut stored: BTreeMap<String, String> = last.into_iter().collect();
        let (mut files, mut copies) = (BTreeMap::new(), Vec::new());
        for step in self.chosen.steps() {
            let name = model_of_step(step);
            let path = self.partial.join(&name);
            let bytes = fs::read(&path).map_err(RecordError::io("cannot read", &path))?;
            let digest = sha256(&bytes);
            match stored.get(&digest) {
                Some(same) => {
                    files.insert(step, same.clone());
                    copies.push(path);
                }
                None => {
                    files.insert(step, name.clone());
                    stored.insert(digest.clone(), name.clone());
                    self.digests.insert(name, digest);
                }
            }
        }
        self.chosen.set_models(&files);
        let chosen = self.chosen.clone();
        self.repeatable(CHOSEN, |file| write_json(file, &chosen))?;
        Ok(copies)
    }

    /// Ends the record of a run that failed: its cause is the last event, and the folder stays
    /// behind, unfinished.
    ///
    /// # Errors
    /// If the event file cannot be written.
    pub fn fail(self, cause: &str) -> Result<(), RecordError> {
        self.event(&Event::Failed { cause: cause.to_owned() })?;
        self.events.close()
    }

    /// Writes a file that must be the same when the run is repeated.
    pub(super) fn repeatable(
        &mut self,
        name: &'static str,
        write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<(), RecordError> {
        match write_atomically(&self.partial.join(name), write) {
            Ok(digest) => {
                self.digests.insert(name.to_owned(), digest);
                Ok(())
            }
            Err(error) => {
                self.failed = Some(name);
                Err(error)
            }
        }
    }

    pub(super) fn write_environment(&self) -> Result<(), RecordError> {
        let path = self.partial.join(ENVIRONMENT);
        write_atomically(&path, |file| write_json(file, &self.environment)).map(|_| ())
    }

    /// Folders cannot be replaced in one step on every system: the earlier record is moved aside,
    /// and [`restore_replaced`] brings it back if the process ends in between.
    fn take_place(&mut self) -> Result<(), RecordError> {
        if cfg!(not(unix)) {
            // A folder with open files cannot be renamed.
            self.held = None;
        }
        let replaced = self.directory.with_extension(REPLACED);
        let earlier = self.directory.exists();
        if earlier {
            self.move_aside(&replaced)?;
        }
        if let Err(error) = rename(&self.partial, &self.directory) {
            if earlier {
                rename(&replaced, &self.directory)?;
            }
            return Err(error);
        }
        if earlier { remove_if_there(&replaced) } else { Ok(()) }
    }

    /// The process that wrote the earlier record may still be removing the one before it: it holds
    /// its events until it is done, or ends.
    fn move_aside(&self, replaced: &Path) -> Result<(), RecordError> {
        if let Ok(events) = File::options().append(true).open(self.directory.join(EVENTS)) {
            // Where the file system knows no locks, it is tried again below.
            events.lock().ok();
        }
        let mut attempts = 1;
        loop {
            let moved = remove_if_there(replaced).and_then(|()| rename(&self.directory, replaced));
            if moved.is_ok() || attempts == MOVE_ATTEMPTS {
                return moved;
            }
            attempts += 1;
            std::thread::sleep(BETWEEN_ATTEMPTS);
        }
    }
}

fn step_of_chosen_model(name: &str) -> Option<usize> {
    name.strip_prefix("model-")?.strip_suffix(".safetensors")?.parse().ok()
}

pub(super) fn remove_if_there(directory: &Path) -> Result<(), RecordError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(RecordError::io("cannot remove", directory)(error))
        }
        _ => Ok(()),
    }
}

pub(super) fn rename(from: &Path, to: &Path) -> Result<(), RecordError> {
    fs::rename(from, to).map_err(RecordError::io("cannot move a record to", to))
}

pub(super) fn write_json(file: &mut dyn Write, value: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer_pretty(&mut *file, value)?;
    writeln!(file)
}
