//! Writes a record while its run goes on.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Component, Path, PathBuf};

use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::network::NamedTensor;
use jiff::Timestamp;
use serde::Serialize;

use super::checkpoint::{self, Saved};
use super::chosen::Chosen;
use super::environment::{Environment, EnvironmentFile, peak_memory};
use super::events::{Event, EventLog};
use super::files::{marker, sha256, write_atomically};
use super::header::{JobFile, RecordHeader};
use super::metrics::{self, MetricRow};
use super::predictions::{self, Prediction};
use super::{
    CHECKPOINT, CHOSEN, DONE, ENVIRONMENT, EVENTS, FORMAT, JOB, METRICS, MODEL, OUTPUTS, PARTIAL,
    PREDICTIONS, REPLACED, SPLITS, model,
};
use crate::error::RecordError;

/// A record that is being written, in `<results>/<experiment>/<run id>.partial`.
///
/// Dropped before [`finish`](Self::finish), it leaves that folder with its events behind, to see
/// what happened; an earlier finished record of the same run is untouched.
#[derive(Debug)]
pub struct RecordWriter {
    directory: PathBuf,
    partial: PathBuf,
    environment: EnvironmentFile,
    events: EventLog,
    metrics: Vec<MetricRow>,
    /// Place of the last stage, whose evaluations validators choose from.
    last_stage: usize,
    chosen: Chosen,
    digests: BTreeMap<String, String>,
    /// The file that could not be written, if any: such a record must not take the place of an
    /// earlier one, even if the caller goes on.
    failed: Option<&'static str>,
}

/// A record that was begun or taken up again.
#[derive(Debug)]
pub struct Begun {
    /// The record.
    pub writer: RecordWriter,
    /// Where the run was interrupted, if it was.
    pub checkpoint: Option<Checkpoint>,
    /// Seconds of training that were spent before.
    pub seconds: f64,
}

impl RecordWriter {
    /// Begins a record below the folder `results`, or takes up the one that an interrupted run of
    /// the same job left, where it left a checkpoint; folders that are missing are made.
    ///
    /// # Errors
    /// If the folder cannot be written, the experiment's name cannot name a folder, or another
    /// process is writing the same record.
    pub fn begin(
        results: &Path,
        header: &RecordHeader,
        environment: Environment,
    ) -> Result<Begun, RecordError> {
        let directory = directory(results, &header.run.experiment, &header.run.id)?;
        let partial = directory.with_extension(PARTIAL);
        restore_replaced(&directory)?;
        let path = partial.join(CHECKPOINT);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let writer = Self::create(results, header, environment)?;
                return Ok(Begun { writer, checkpoint: None, seconds: 0.0 });
            }
            Err(error) => return Err(RecordError::io("cannot read", &path)(error)),
        };
        let saved = checkpoint::decode(&path, &bytes)?;
        let mut writer = Self::reopen(directory, partial, header, environment)?;
        writer.restore(saved.rows);
        writer.remove_unchosen()?;
        let (stage, step) = (saved.checkpoint.stage, saved.checkpoint.step);
        writer.event(&Event::Note {
            text: format!("resumed after {step} steps of stage {}", stage + 1),
        })?;
        Ok(Begun { writer, checkpoint: Some(saved.checkpoint), seconds: saved.seconds })
    }

    fn reopen(
        directory: PathBuf,
        partial: PathBuf,
        header: &RecordHeader,
        environment: Environment,
    ) -> Result<Self, RecordError> {
        let path = partial.join(EVENTS);
        let events = File::options()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(RecordError::io("cannot write", &path))?;
        lock(&events, &partial)?;
        end_at_whole_line(&path, &events).map_err(RecordError::io("cannot write", &path))?;
        let mut environment = EnvironmentFile {
            environment,
            started: Timestamp::now(),
            finished: None,
            resumed: 1,
            peak_memory_bytes: None,
        };
        // Of an earlier environment, the start is kept; one that cannot be read was cut short.
        if let Ok(text) = fs::read_to_string(partial.join(ENVIRONMENT))
            && let Ok(earlier) = serde_json::from_str::<EnvironmentFile>(&text)
        {
            environment.started = earlier.started;
            environment.resumed = earlier.resumed + 1;
        }
        Self::open(directory, partial, header, environment, EventLog::new(&path, events))
    }

    fn open(
        directory: PathBuf,
        partial: PathBuf,
        header: &RecordHeader,
        environment: EnvironmentFile,
        events: EventLog,
    ) -> Result<Self, RecordError> {
        let mut writer = Self {
            directory,
            partial,
            environment,
            events,
            metrics: Vec::new(),
            last_stage: header.job.method.stages.len().saturating_sub(1),
            chosen: Chosen::default(),
            digests: BTreeMap::new(),
            failed: None,
        };
        let job = JobFile { format: FORMAT, run: &header.run, job: &header.job };
        writer.repeatable(JOB, |file| write_json(file, &job))?;
        writer.write_environment()?;
        Ok(writer)
    }

    /// Begins a record below the folder `results`; folders that are missing are made, and what an
    /// interrupted run of the same job left is replaced.
    ///
    /// # Errors
    /// If the folder cannot be written, the experiment's name cannot name a folder, or another
    /// process is writing the same record.
    pub fn create(
        results: &Path,
        header: &RecordHeader,
        environment: Environment,
    ) -> Result<Self, RecordError> {
        let directory = directory(results, &header.run.experiment, &header.run.id)?;
        let partial = directory.with_extension(PARTIAL);
        if let Some(folder) = directory.parent() {
            fs::create_dir_all(folder).map_err(RecordError::io("cannot create", folder))?;
        }
        restore_replaced(&directory)?;
        remove_stale(&partial)?;
        fs::create_dir(&partial).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => RecordError::InUse(partial.clone()),
            _ => RecordError::io("cannot create", &partial)(source),
        })?;

        let path = partial.join(EVENTS);
        let events = File::options()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(RecordError::io("cannot create", &path))?;
        lock(&events, &partial)?;

        let environment = EnvironmentFile {
            environment,
            started: Timestamp::now(),
            finished: None,
            resumed: 0,
            peak_memory_bytes: None,
        };
        Self::open(directory, partial, header, environment, EventLog::new(&path, events))
    }

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
        let path = self.partial.join(chosen_model(step));
        let bytes = model::encode(&path, &model())?;
        write_atomically(&path, |file| file.write_all(&bytes))?;
        self.remove_unchosen()
    }

    fn remove_unchosen(&self) -> Result<(), RecordError> {
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

    /// Writes features, logits and labels of some samples.
    ///
    /// # Errors
    /// If two tensors have one name, one is not `f32`, or the file cannot be written.
    pub fn outputs(&mut self, tensors: &[NamedTensor]) -> Result<(), RecordError> {
        let bytes = model::encode(&self.partial.join(OUTPUTS), tensors)?;
        self.repeatable(OUTPUTS, |file| file.write_all(&bytes))
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

    /// Writes the predictions for the target's test rows.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn predictions(&mut self, rows: &[Prediction]) -> Result<(), RecordError> {
        self.repeatable(PREDICTIONS, |file| predictions::write(rows, file))
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
        for step in self.chosen.steps() {
            let name = chosen_model(step);
            let path = self.partial.join(&name);
            let bytes = fs::read(&path).map_err(RecordError::io("cannot read", &path))?;
            self.digests.insert(name, sha256(&bytes));
        }
        if !self.chosen.is_empty() {
            let chosen = self.chosen.clone();
            self.repeatable(CHOSEN, |file| write_json(file, &chosen))?;
        }
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
        self.take_place()?;
        Ok(self.directory)
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
    fn repeatable(
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

    fn write_environment(&self) -> Result<(), RecordError> {
        let path = self.partial.join(ENVIRONMENT);
        write_atomically(&path, |file| write_json(file, &self.environment)).map(|_| ())
    }

    /// Folders cannot be replaced in one step on every system: the earlier record is moved aside,
    /// and [`restore_replaced`] brings it back if the process ends in between.
    fn take_place(&self) -> Result<(), RecordError> {
        let replaced = self.directory.with_extension(REPLACED);
        let earlier = self.directory.exists();
        if earlier {
            remove_if_there(&replaced)?;
            rename(&self.directory, &replaced)?;
        }
        if let Err(error) = rename(&self.partial, &self.directory) {
            if earlier {
                rename(&replaced, &self.directory)?;
            }
            return Err(error);
        }
        if earlier { remove_if_there(&replaced) } else { Ok(()) }
    }
}

/// Writes the cause into the unfinished record of a run whose process ended without a word.
///
/// # Errors
/// If the record is not there, its process still lives, or it cannot be written.
pub fn record_failure(
    results: &Path,
    experiment: &str,
    id: &str,
    cause: &str,
) -> Result<(), RecordError> {
    let partial = directory(results, experiment, id)?.with_extension(PARTIAL);
    let path = partial.join(EVENTS);
    let io = |error| RecordError::io("cannot write", &path)(error);
    let events = File::options().append(true).open(&path).map_err(io)?;
    lock(&events, &partial)?;
    end_at_whole_line(&path, &events).map_err(io)?;
    let log = EventLog::new(&path, events);
    log.append(&Event::Failed { cause: cause.to_owned() })?;
    log.close()
}

/// The file of a model that a validator chose.
pub(super) fn chosen_model(step: usize) -> String {
    format!("model-{step}.safetensors")
}

fn step_of_chosen_model(name: &str) -> Option<usize> {
    name.strip_prefix("model-")?.strip_suffix(".safetensors")?.parse().ok()
}

/// Takes off what a process that was killed in the midst of a line left of it.
fn end_at_whole_line(path: &Path, events: &File) -> std::io::Result<()> {
    let text = fs::read(path)?;
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    if whole < text.len() { events.set_len(whole as u64) } else { Ok(()) }
}

/// The folder of a record.
pub(super) fn directory(
    results: &Path,
    experiment: &str,
    id: &str,
) -> Result<PathBuf, RecordError> {
    let mut components = Path::new(experiment).components();
    let plain = matches!(components.next(), Some(Component::Normal(name)) if name == experiment)
        && components.next().is_none();
    if !plain {
        return Err(RecordError::ExperimentName(experiment.to_owned()));
    }
    Ok(results.join(experiment).join(id))
}

fn restore_replaced(directory: &Path) -> Result<(), RecordError> {
    let replaced = directory.with_extension(REPLACED);
    if !replaced.exists() {
        return Ok(());
    }
    if directory.exists() { remove_if_there(&replaced) } else { rename(&replaced, directory) }
}

/// Removes what an interrupted run left, unless its process still lives.
fn remove_stale(partial: &Path) -> Result<(), RecordError> {
    match File::options().append(true).open(partial.join(EVENTS)) {
        Ok(events) => lock(&events, partial)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(RecordError::io("cannot write", &partial.join(EVENTS))(error)),
    }
    remove_if_there(partial)
}

/// Holds the record until the file is closed, by the end of the process at the latest.
fn lock(events: &File, partial: &Path) -> Result<(), RecordError> {
    match events.try_lock() {
        Err(TryLockError::WouldBlock) => Err(RecordError::InUse(partial.to_owned())),
        // Some network file systems know no locks; there, two processes that write the same
        // record at once write the same content.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

fn remove_if_there(directory: &Path) -> Result<(), RecordError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(RecordError::io("cannot remove", directory)(error))
        }
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), RecordError> {
    fs::rename(from, to).map_err(RecordError::io("cannot move a record to", to))
}

fn write_json(file: &mut dyn Write, value: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer_pretty(&mut *file, value)?;
    writeln!(file)
}
