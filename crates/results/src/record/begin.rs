//! Begins records, and takes up those of interrupted runs.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use isthmus_core::checkpoint::Checkpoint;
use jiff::Timestamp;

use super::checkpoint;
use super::chosen::Chosen;
use super::environment::{Environment, EnvironmentFile};
use super::events::{Event, EventLog};
use super::files::is_temporary;
use super::header::{JobFile, RecordHeader};
use super::writer::{RecordWriter, remove_if_there, rename, write_json};
use super::{CHECKPOINT, ENVIRONMENT, EVENTS, FORMAT, JOB, PARTIAL, REPLACED};
use crate::error::RecordError;

/// How often a lock is asked for that another process holds.
const LOCK_ATTEMPTS: usize = 5;
/// Most file systems hold names of up to 255 bytes; rounds and temporary files add to these.
const LONGEST_NAME: usize = 200;
/// Time between two of these attempts.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

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
        let events = hold(&partial)?;
        restore_replaced(&directory)?;
        // Read under the lock: another process may have been writing the checkpoint.
        let path = partial.join(CHECKPOINT);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let writer = Self::begin_anew(directory, partial, events, header, environment)?;
                return Ok(Begun { writer, checkpoint: None, seconds: 0.0 });
            }
            Err(error) => return Err(RecordError::io("cannot read", &path)(error)),
        };
        let saved = checkpoint::decode(&path, &bytes)?;
        let mut writer = Self::reopen(directory, partial, events, header, environment)?;
        writer.restore(saved.rows);
        writer.take_over_outputs_before()?;
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
        events: File,
        header: &RecordHeader,
        environment: Environment,
    ) -> Result<Self, RecordError> {
        let path = partial.join(EVENTS);
        end_at_whole_line(&path, &events).map_err(RecordError::io("cannot write", &path))?;
        remove_temporary(&partial)?;
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
        Self::open(directory, partial, header, environment, events)
    }

    fn open(
        directory: PathBuf,
        partial: PathBuf,
        header: &RecordHeader,
        environment: EnvironmentFile,
        events: File,
    ) -> Result<Self, RecordError> {
        let path = partial.join(EVENTS);
        // The same lock, which is given up when both are closed.
        let held = events.try_clone().map_err(RecordError::io("cannot write", &path))?;
        let mut writer = Self {
            directory,
            partial,
            held: Some(held),
            environment,
            events: EventLog::new(&path, events),
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
        let events = hold(&partial)?;
        restore_replaced(&directory)?;
        Self::begin_anew(directory, partial, events, header, environment)
    }

    fn begin_anew(
        directory: PathBuf,
        partial: PathBuf,
        events: File,
        header: &RecordHeader,
        environment: Environment,
    ) -> Result<Self, RecordError> {
        empty(&partial, &events)?;
        let environment = EnvironmentFile {
            environment,
            started: Timestamp::now(),
            finished: None,
            resumed: 0,
            peak_memory_bytes: None,
        };
        Self::open(directory, partial, header, environment, events)
    }
}

/// Writes the cause into the unfinished record of a run whose process recorded none itself.
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

/// The folder of a record.
pub(super) fn directory(
    results: &Path,
    experiment: &str,
    id: &str,
) -> Result<PathBuf, RecordError> {
    let mut components = Path::new(experiment).components();
    let plain = matches!(components.next(), Some(Component::Normal(name)) if name == experiment)
        && components.next().is_none();
    if !plain || experiment.len() > LONGEST_NAME {
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

/// The events of an unfinished record, which are made where there are none, locked: from here on
/// nobody else writes the record.
fn hold(partial: &Path) -> Result<File, RecordError> {
    let path = partial.join(EVENTS);
    if let Some(folder) = partial.parent() {
        fs::create_dir_all(folder).map_err(RecordError::io("cannot create", folder))?;
    }
    match fs::create_dir(partial) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(RecordError::io("cannot create", partial)(error));
        }
        _ => {}
    }
    let events = match File::options().append(true).create(true).open(&path) {
        Ok(events) => events,
        // Another process has finished the record by now, and has taken the folder along.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(RecordError::InUse(partial.to_owned()));
        }
        Err(error) => return Err(RecordError::io("cannot write", &path)(error)),
    };
    lock_in_place(&path, &events, partial)?;
    Ok(events)
}

/// Locks the file, which must still be the one at `path`: another process may have finished or
/// replaced the record between its opening and its locking.
fn lock_in_place(path: &Path, events: &File, partial: &Path) -> Result<(), RecordError> {
    lock(events, partial)?;
    if is_at(path, events) { Ok(()) } else { Err(RecordError::InUse(partial.to_owned())) }
}

#[cfg(unix)]
fn is_at(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (fs::metadata(path), file.metadata()) {
        (Ok(there), Ok(open)) => identity(there) == identity(open),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(path: &Path, _file: &File) -> bool {
    path.exists()
}

/// Removes what is in the folder of a record, except for its events: who holds them keeps others
/// away.
fn empty(partial: &Path, events: &File) -> Result<(), RecordError> {
    let folder = fs::read_dir(partial).map_err(RecordError::io("cannot read", partial))?;
    for entry in folder {
        let path = entry.map_err(RecordError::io("cannot read", partial))?.path();
        if path.is_dir() {
            remove_if_there(&path)?;
        } else if path.file_name().is_some_and(|name| name != EVENTS) {
            fs::remove_file(&path).map_err(RecordError::io("cannot remove", &path))?;
        }
    }
    events.set_len(0).map_err(RecordError::io("cannot write", &partial.join(EVENTS)))
}

/// Holds the record until the file is closed, by the end of the process at the latest.
fn lock(events: &File, partial: &Path) -> Result<(), RecordError> {
    // Whoever asks how far the run is holds the lock for a moment.
    let mut locked = events.try_lock();
    for _ in 0..LOCK_ATTEMPTS {
        if !matches!(locked, Err(TryLockError::WouldBlock)) {
            break;
        }
        std::thread::sleep(BETWEEN_ATTEMPTS);
        locked = events.try_lock();
    }
    match locked {
        Err(TryLockError::WouldBlock) => Err(RecordError::InUse(partial.to_owned())),
        // Some network file systems know no locks; there, two processes that write the same
        // record at once write the same content.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// Takes off what a process that was killed in the midst of a line left of it.
fn end_at_whole_line(path: &Path, events: &File) -> std::io::Result<()> {
    let text = fs::read(path)?;
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    if whole < text.len() { events.set_len(whole as u64) } else { Ok(()) }
}

/// Removes files that a process was writing when it was killed.
fn remove_temporary(partial: &Path) -> Result<(), RecordError> {
    let folder = fs::read_dir(partial).map_err(RecordError::io("cannot read", partial))?;
    for entry in folder {
        let path = entry.map_err(RecordError::io("cannot read", partial))?.path();
        if is_temporary(&path) {
            fs::remove_file(&path).map_err(RecordError::io("cannot remove", &path))?;
        }
    }
    Ok(())
}
