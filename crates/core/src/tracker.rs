//! Trackers: plugins that tell other programs what runs measure.

use std::path::PathBuf;

use serde_json::Value;
use thiserror::Error;

use crate::metric::Measurement;

/// A run, as trackers know it.
#[derive(Clone, Debug)]
pub struct TrackedRun {
    /// Its id: 16 hexadecimal digits.
    pub id: String,
    /// Name of the experiment.
    pub experiment: String,
    /// Label of the method.
    pub method: String,
    /// `source -> target`.
    pub task: String,
    /// The seed.
    pub seed: u64,
    /// Everything that decides its numbers.
    pub job: Value,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackedEnd {
    /// It has its record.
    Finished,
    /// It failed.
    Failed,
    /// It was stopped, and may go on.
    Stopped,
}

/// Told what the runs of an experiment measure while they are trained, several of them side by side.
/// A tracker that fails is told of once and left out from then on; the runs go on.
pub trait Tracker: Send {
    /// A run begins, or goes on where it was stopped.
    ///
    /// # Errors
    /// If it cannot be noted.
    fn began(&mut self, run: &TrackedRun) -> Result<(), TrackerError>;

    /// What was measured after so many steps, of all stages together.
    ///
    /// # Errors
    /// If it cannot be noted.
    fn measured(
        &mut self,
        run: &TrackedRun,
        step: usize,
        metrics: &[Measurement],
    ) -> Result<(), TrackerError>;

    /// A run ended.
    ///
    /// # Errors
    /// If it cannot be noted.
    fn ended(&mut self, run: &TrackedRun, end: TrackedEnd) -> Result<(), TrackerError>;
}

/// A tracker cannot note what it is told.
#[derive(Debug, Error)]
#[error("{action} {}: {source}", file.display())]
pub struct TrackerError {
    /// What was tried, e.g. `cannot write`.
    pub action: &'static str,
    /// The file.
    pub file: PathBuf,
    /// The cause.
    pub source: std::io::Error,
}

impl TrackerError {
    /// For `map_err`: the action and the file that an input or output error belongs to.
    pub fn of(
        action: &'static str,
        file: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self { action, file: file.into(), source }
    }
}
