//! What cannot be computed.

use isthmus_core::error::MethodError;
use isthmus_core::validation::ValidationError;
use thiserror::Error;

/// A matrix or samples that something cannot be computed of.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum LinearError {
    /// A value is infinite or no number.
    #[error("row {row}, column {column} holds {value}, expected finite numbers")]
    NotFinite {
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// What is there.
        value: f64,
    },
    /// A matrix that has to be positive definite is not.
    #[error(
        "a matrix is not positive definite: pivot {row} is {pivot:.1e}; a larger regularisation \
         helps"
    )]
    NotPositive {
        /// Row of the pivot, from 0.
        row: usize,
        /// The pivot.
        pivot: f64,
    },
    /// There is nothing to fit to.
    #[error("there are no samples to fit a classifier to")]
    NoSamples,
    /// A domain has fewer samples than a classifier of domains takes.
    #[error("a domain classifier needs {needed} {domain} samples or more, there are {found}")]
    TooFewSamples {
        /// Which domain.
        domain: &'static str,
        /// Samples that it takes.
        needed: usize,
        /// Samples that there are.
        found: usize,
    },
    /// The domains have features of different number.
    #[error("source samples have {source_columns} features, target samples {target_columns}")]
    Columns {
        /// Those of the source.
        source_columns: usize,
        /// Those of the target.
        target_columns: usize,
    },
    /// An iteration did not converge.
    #[error("{0}")]
    NotConverged(String),
}

impl From<LinearError> for ValidationError {
    fn from(error: LinearError) -> Self {
        Self::Undefined(error.to_string())
    }
}

impl From<LinearError> for MethodError {
    fn from(error: LinearError) -> Self {
        Self::Unsuitable(error.to_string())
    }
}
