//! Stages that several jobs begin with, trained once.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use isthmus_core::checkpoint::Checkpoint;

use super::checkpoint::{self, Saved};
use super::files::{remove_abandoned, write_atomically};
use super::metrics::MetricRow;
use crate::error::RecordError;

/// The folder below the results.
const FOLDER: &str = ".stages";

/// What the first stages of a job leave.
#[derive(Clone, Debug)]
pub struct SharedStage {
    /// The start of the stage after them.
    pub checkpoint: Checkpoint,
    /// The metrics of all evaluations until then.
    pub metrics: Vec<MetricRow>,
    /// Seconds that training them took.
    pub seconds: f64,
}

/// The stages that are kept below a folder of results, by what decides their content.
#[derive(Clone, Debug)]
pub struct StageStore {
    folder: PathBuf,
}

/// Held while a stage is trained, so that other processes wait for it instead of training it too.
#[derive(Debug)]
pub struct StageLock(#[expect(dead_code, reason = "closing the file ends the lock")] Option<File>);

impl StageStore {
    /// The store of a folder of results.
    pub fn new(results: &Path) -> Self {
        Self { folder: results.join(FOLDER) }
    }

    /// The stage of this id, if it was trained.
    ///
    /// # Errors
    /// If its file cannot be read or is damaged.
    pub fn load(&self, id: &str) -> Result<Option<SharedStage>, RecordError> {
        let path = self.path(id);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(RecordError::io("cannot read", &path)(error)),
        };
        let Saved { checkpoint, rows, seconds } = checkpoint::decode(&path, &bytes)?;
        Ok(Some(SharedStage { checkpoint, metrics: rows, seconds }))
    }

    /// Waits until no other process trains the stage.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn lock(&self, id: &str) -> Result<StageLock, RecordError> {
        fs::create_dir_all(&self.folder).map_err(RecordError::io("cannot create", &self.folder))?;
        let path = self.folder.join(format!("{id}.lock"));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(RecordError::io("cannot write", &path))?;
        // Where the file system knows no locks, two processes may train the same stage: both
        // write the same content.
        Ok(StageLock(file.lock().is_ok().then_some(file)))
    }

    /// Keeps a stage.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, id: &str, stage: SharedStage) -> Result<(), RecordError> {
        fs::create_dir_all(&self.folder).map_err(RecordError::io("cannot create", &self.folder))?;
        let path = self.path(id);
        let SharedStage { checkpoint, metrics: rows, seconds } = stage;
        let bytes = checkpoint::encode(&path, &Saved { checkpoint, rows, seconds })?;
        write_atomically(&path, |file| file.write_all(&bytes))?;
        remove_abandoned(&self.folder)
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.safetensors"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_comes_back_and_an_unknown_one_is_absent() {
        let folder = tempfile::tempdir().unwrap();
        let store = StageStore::new(folder.path());
        assert!(store.load("a").unwrap().is_none());
        let lock = store.lock("a").unwrap();
        let checkpoint = Checkpoint { stage: 1, step: 0, tensors: Vec::new() };
        store.save("a", SharedStage { checkpoint, metrics: Vec::new(), seconds: 2.0 }).unwrap();
        drop(lock);
        let stage = store.load("a").unwrap().unwrap();
        assert_eq!((stage.checkpoint.stage, stage.seconds), (1, 2.0));
        fs::write(folder.path().join(FOLDER).join("a.safetensors"), "no").unwrap();
        assert!(matches!(store.load("a"), Err(RecordError::Damaged { .. })));
    }
}
