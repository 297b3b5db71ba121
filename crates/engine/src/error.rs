//! Errors of the engine.

use isthmus_core::error::{DataError, MethodError, NetworkError};
use isthmus_core::export::NotExported;
use isthmus_core::registry::UnknownPlugin;
use thiserror::Error;

/// A job could not be run to its end.
#[derive(Debug, Error)]
pub enum EngineError {
    /// A method could not be built or go on.
    #[error("method `{method}`: {source}")]
    Method {
        /// Label of the method.
        method: String,
        /// The cause.
        source: MethodError,
    },
    /// A network could not be built.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Data could not be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A plugin that the job names is not linked into this program.
    #[error("{0}; a record made by a program with further plugins can only be run by that program")]
    UnknownPlugin(#[from] UnknownPlugin),
    /// What a run predicts by is no network that PyTorch has.
    #[error(transparent)]
    NotExported(#[from] NotExported),
    /// A checkpoint is past the last stage.
    #[error(
        "the checkpoint is past the last of the {stages} stages of this run; remove the run's \
         folder and run it again"
    )]
    PastTheEnd {
        /// Stages of the run.
        stages: usize,
    },
    /// Whoever watches the job could not write down what happened.
    #[error("cannot record the run: {0}")]
    Record(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The job was asked to stop; its checkpoint was handed over.
    #[error("stopped after {step} steps of stage {}", stage + 1)]
    Interrupted {
        /// The stage, from 0.
        stage: usize,
        /// Steps done in it.
        step: usize,
    },
}
