//! Feature transforms: plugins that change features or series before a model is trained on them,
//! fitted on the training samples of a task.

use std::collections::BTreeMap;

use burn::tensor::TensorData;

use crate::error::DataError;

/// Vectors of one size: of features one a sample, of series one a time step, of its channels.
#[derive(Clone, Debug, PartialEq)]
pub struct Vectors {
    /// Values of a vector, at least 1.
    pub size: usize,
    /// The vectors, one after the other.
    pub values: Vec<f32>,
}

impl Vectors {
    /// Number of vectors.
    pub fn count(&self) -> usize {
        self.values.len().checked_div(self.size).unwrap_or(0)
    }

    /// The vectors in turn.
    pub fn iter(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.size.max(1))
    }
}

/// What a transform fitted to a domain, by name: all that it needs to change other samples of it.
pub type FittedValues = BTreeMap<String, TensorData>;

/// What a transform fitted to the domains of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedDomains {
    /// Of each source, in the order of the task.
    pub sources: Vec<FittedValues>,
    /// Of the target.
    pub target: FittedValues,
}

impl FittedDomains {
    /// The same for all domains.
    pub fn alike(values: FittedValues, sources: usize) -> Self {
        Self { sources: vec![values.clone(); sources], target: values }
    }
}

/// Changes vectors as it was fitted to.
pub trait VectorMap: Send + Sync {
    /// Changes vectors, of which it may make some of another size. What a vector becomes depends on
    /// it alone.
    ///
    /// # Errors
    /// If a value cannot be changed, or the vectors have another size than those that it was fitted to.
    fn apply(&self, vectors: Vectors) -> Result<Vectors, DataError>;
}

/// Fits maps of vectors to the domains of a task. No label is known to it.
pub trait FeatureTransform: Send + Sync {
    /// Fits to the training vectors of each source and of the target, which have one size.
    ///
    /// # Errors
    /// If the vectors are too few, too small, or have values that it cannot take.
    fn fit(&self, sources: &[Vectors], target: &Vectors) -> Result<FittedDomains, DataError>;

    /// The map of a domain, of what was fitted to it.
    ///
    /// # Errors
    /// If the values are not such as [`fit`](Self::fit) gives.
    fn map(&self, fitted: &FittedValues) -> Result<Box<dyn VectorMap>, DataError>;
}
