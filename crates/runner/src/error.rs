//! Why an experiment cannot be run.

use isthmus_core::error::DataError;
use isthmus_results::RecordError;
use thiserror::Error;

use crate::failed::JobError;
use crate::weights_from::WeightsFromError;

/// Why an experiment, or one of its jobs, cannot be run.
#[derive(Debug, Error)]
pub enum RunError {
    /// What was asked for cannot be had.
    #[error("{message}")]
    Input {
        /// What was found and what was expected.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// The data is not to be had, or its parts do not fit each other.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The weights of another run's record cannot be taken.
    #[error(transparent)]
    WeightsFrom(Box<WeightsFromError>),
    /// The features of a frozen extractor could not be computed.
    #[error(transparent)]
    Features(JobError),
    /// A job failed.
    #[error(transparent)]
    Job(#[from] JobError),
    /// A record could not be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A round of successive halving cannot be entered.
    #[error("{0}")]
    Round(String),
    /// Processes could not be started or spoken to.
    #[error("{action}: {source}")]
    Processes {
        /// What was tried.
        action: &'static str,
        /// The cause.
        source: std::io::Error,
    },
}

impl From<WeightsFromError> for RunError {
    fn from(error: WeightsFromError) -> Self {
        Self::WeightsFrom(Box::new(error))
    }
}

impl RunError {
    /// What was asked for cannot be had, and what to do.
    pub(crate) fn input(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Input { message: message.into(), help: Some(help.into()) }
    }
}
