//! Errors of the contracts.

use thiserror::Error;

use crate::layer::Layer;
use crate::sample_check::SingleSample;

/// A network's state could not be read or replaced.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// A tensor that the network has is not in the file.
    #[error("tensor `{path}` is missing; the file has {}", list(present))]
    MissingTensor {
        /// Path of the tensor in the network.
        path: String,
        /// What is there instead.
        present: Vec<String>,
    },
    /// A tensor has another shape than the network's.
    #[error("tensor `{path}` has shape {found:?} in the file, the network needs {expected:?}")]
    Shape {
        /// Path of the tensor in the network.
        path: String,
        /// Shape in the network.
        expected: Vec<usize>,
        /// Shape in the file.
        found: Vec<usize>,
    },
    /// The network cannot take this kind of input.
    #[error("`{network}` takes {expected}, this data set has {found}")]
    Input {
        /// Name of the plugin.
        network: String,
        /// What it takes.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// The network gives one vector a sample where states in time are read.
    #[error(
        "the objective reads states in time, and `{extractor}` gives one vector of features a \
         sample: use an extractor that gives states, such as one for series, and do not freeze it"
    )]
    NoStates {
        /// Name of the extractor.
        extractor: String,
    },
    /// A file of pretrained weights could not be used.
    #[error("{0}")]
    Weights(String),
}

/// A method could not be built or could not go on.
#[derive(Debug, Error)]
pub enum MethodError {
    /// A loss or parameter is no longer finite.
    #[error(
        "{quantity} is {value} at step {step}: training diverged; lower the learning rate or the \
         trade-off, or set `training.gradient_clipping`"
    )]
    Diverged {
        /// What was measured.
        quantity: String,
        /// Its value.
        value: f64,
        /// The step.
        step: usize,
    },
    /// The method cannot work with this experiment.
    #[error("{0}")]
    Unsuitable(String),
    /// A norm layer had a single sample to take statistics of.
    #[error(transparent)]
    SingleSample(#[from] SingleSample),
    /// A checkpoint is not of this method.
    #[error("the checkpoint is not of this run: {0}")]
    Checkpoint(String),
    /// Reading a batch failed.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A network failed.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

impl MethodError {
    /// A layer that a model does not have whose extractor gives `hidden` hidden layers.
    pub fn unknown_layer(layer: Layer, hidden: usize) -> Self {
        let all: Vec<String> = Layer::all(hidden).iter().map(|it| format!("`{it}`")).collect();
        Self::Unsuitable(format!("the model has no layer `{layer}`; it has {}", all.join(", ")))
    }
}

/// Data could not be found or read.
#[derive(Debug, Error)]
pub enum DataError {
    /// None of the places searched has the data set.
    #[error(
        "data set `{dataset}` was not found; searched:\n{}\nexpected layout:\n{layout}\nhow to \
         get it: {how_to_get}",
        lines(searched)
    )]
    NotFound {
        /// Name of the data set.
        dataset: String,
        /// Places searched.
        searched: Vec<String>,
        /// Files expected there.
        layout: String,
        /// Where the data comes from.
        how_to_get: String,
    },
    /// A file is there and cannot be used.
    #[error("{file}: {problem}")]
    File {
        /// The file, and the row or entry where there is one.
        file: String,
        /// What was found, what was expected and what to do.
        problem: String,
    },
    /// A file could not be opened, read or written.
    #[error("{action} {file}: {source}")]
    Io {
        /// What was tried, e.g. `cannot read`.
        action: &'static str,
        /// The file.
        file: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The parts of a data set do not fit each other.
    #[error("{0}")]
    Mismatch(String),
}

fn list(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let mut text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    if text.is_empty() { "no tensors".to_owned() } else { text }
}

fn lines(places: &[String]) -> String {
    places.iter().map(|place| format!("  {place}")).collect::<Vec<_>>().join("\n")
}
