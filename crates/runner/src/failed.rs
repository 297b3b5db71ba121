//! Why a job failed.

use isthmus_core::error::DataError;
use isthmus_engine::EngineError;
use isthmus_results::RecordError;
use thiserror::Error;

use crate::workers::WorkerPanic;

/// Why a job failed.
#[derive(Debug, Error)]
pub enum JobError {
    /// It could not be trained or evaluated.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Its data could not be prepared.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Its record could not be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It panicked.
    #[error(transparent)]
    Panic(#[from] WorkerPanic),
}
