//! How far a run is, by its record alone.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use super::begin::directory;
use super::checkpoint::{self, Reached};
use super::events::Event;
use super::{CHECKPOINT, DONE, EVENTS, PARTIAL};
use crate::error::RecordError;

/// How far a run is.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordState {
    /// It was not begun.
    Absent,
    /// A process writes its record. Where the file system knows no locks, this cannot be told
    /// from [`Self::Interrupted`].
    Running,
    /// It ended before its time without a word, this far by its checkpoint; `None` where it left
    /// none that is whole, and begins anew.
    Interrupted(Option<Reached>),
    /// It failed of this cause.
    Failed(String),
    /// Its record is complete.
    Finished,
}

/// How far the run of an id is, below the folder `results`.
///
/// # Errors
/// If the experiment's name cannot name a folder, or a file of the record cannot be read.
pub fn record_state(
    results: &Path,
    experiment: &str,
    id: &str,
) -> Result<RecordState, RecordError> {
    let finished = directory(results, experiment, id)?;
    if finished.join(DONE).is_file() {
        return Ok(RecordState::Finished);
    }
    let partial = finished.with_extension(PARTIAL);
    let path = partial.join(EVENTS);
    let interrupted = || RecordState::Interrupted(checkpoint::reached(&partial.join(CHECKPOINT)));
    let events = match File::open(&path) {
        Ok(events) => events,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(if partial.is_dir() { interrupted() } else { RecordState::Absent });
        }
        Err(error) => return Err(RecordError::io("cannot read", &path)(error)),
    };
    if matches!(events.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return Ok(RecordState::Running);
    }
    drop(events);
    let text = fs::read(&path).map_err(RecordError::io("cannot read", &path))?;
    // The events of an interrupted run may end in half a line.
    let last = String::from_utf8_lossy(&text)
        .lines()
        .last()
        .and_then(|line| serde_json::from_str::<Event>(line).ok());
    Ok(match last {
        Some(Event::Failed { cause }) => RecordState::Failed(cause),
        _ => interrupted(),
    })
}

#[cfg(test)]
mod tests {
    use isthmus_core::checkpoint::Checkpoint;

    use super::*;

    #[test]
    fn a_run_is_told_by_what_it_left() {
        let results = tempfile::tempdir().unwrap();
        let state = || record_state(results.path(), "mine", "0123456789abcdef").unwrap();
        assert_eq!(state(), RecordState::Absent);

        let partial = results.path().join("mine/0123456789abcdef.partial");
        fs::create_dir_all(&partial).unwrap();
        assert_eq!(state(), RecordState::Interrupted(None));
        let started = "{\"time\":\"1970-01-01T00:00:00Z\",\"event\":\"note\",\"text\":\"x\"}\n";
        fs::write(partial.join(EVENTS), started).unwrap();
        assert_eq!(state(), RecordState::Interrupted(None));

        let saved = checkpoint::Saved {
            checkpoint: Checkpoint { stage: 1, step: 7, tensors: Vec::new() },
            rows: Vec::new(),
            seconds: 1.5,
        };
        let path = partial.join(CHECKPOINT);
        let bytes = checkpoint::encode(&path, &saved).unwrap();
        fs::write(&path, &bytes).unwrap();
        let reached = Reached { stage: 1, step: 7, seconds: 1.5 };
        assert_eq!(state(), RecordState::Interrupted(Some(reached)));
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert_eq!(state(), RecordState::Interrupted(None));

        let writer = File::options().append(true).open(partial.join(EVENTS)).unwrap();
        writer.try_lock().unwrap();
        assert_eq!(state(), RecordState::Running);
        drop(writer);

        let failed = "{\"time\":\"1970-01-01T00:00:01Z\",\"event\":\"failed\",\"cause\":\"why\"}\n";
        fs::write(partial.join(EVENTS), format!("{started}{failed}")).unwrap();
        assert_eq!(state(), RecordState::Failed("why".to_owned()));

        let finished = results.path().join("mine/0123456789abcdef");
        fs::create_dir_all(&finished).unwrap();
        fs::write(finished.join(DONE), "").unwrap();
        assert_eq!(state(), RecordState::Finished);
        assert!(record_state(results.path(), "a/b", "0").is_err());
    }
}
