//! What can go wrong before numbers are compared.

use std::path::PathBuf;

/// Why a reference file or one of its cases could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// A file or folder could not be read.
    #[error("read {}: {source}", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// Why it could not be.
        source: std::io::Error,
    },
    /// A file is not a reference file.
    #[error("understand {}: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where it departs from the format.
        source: serde_json::Error,
    },
    /// A case has no input of a name.
    #[error("find an input called {0:?}")]
    MissingInput(String),
    /// A case has no parameter of a name, or one of another type.
    #[error("find a parameter called {name:?} that is {expected}")]
    Parameter {
        /// The parameter.
        name: String,
        /// What it should be.
        expected: &'static str,
    },
    /// An array has not the rank that is asked of it.
    #[error("use an array of shape {shape:?} as a tensor of rank {rank}")]
    Rank {
        /// The shape of the array.
        shape: Vec<usize>,
        /// The rank asked for.
        rank: usize,
    },
    /// A case expects a gradient of something that does not depend on any input.
    #[error("differentiate {0:?}: it depends on no input")]
    NotDifferentiable(String),
    /// A formula of a case's input is not one that is understood.
    #[error("understand the formula {0:?}")]
    Formula(String),
    /// A formula of a case's input was understood, and gives other values than the file has.
    #[error(
        "get the pixels {expected:?} of channel {channel} out of the formula: it gives {found:?}"
    )]
    OtherPixels {
        /// The channel.
        channel: usize,
        /// What the file has.
        expected: Vec<f64>,
        /// What the formula gives.
        found: Vec<f64>,
    },
    /// The code that is checked refuses the case.
    #[error("compute it: {0}")]
    Computation(String),
    /// The claim needs something that is not on this machine, such as a weight file.
    #[error("run without {0}")]
    Unavailable(String),
}
