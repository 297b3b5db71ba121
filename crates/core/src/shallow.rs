//! Classifiers of features that are fitted without gradients.

use std::collections::BTreeMap;

use burn::tensor::TensorData;

use crate::error::{MethodError, NetworkError};
use crate::named_tensor::NamedTensor;
use crate::validation::Matrix;

/// Classifies features. Methods that fit once (TCA, CORAL on features) put one behind what they
/// align; it is fitted to the source and predicts both domains.
pub trait ShallowClassifier: Send + Sync {
    /// Fits to features `[rows, features]`, all finite, and the class of each row.
    ///
    /// # Errors
    /// If there are no rows, or it cannot be fitted to them.
    fn fit(&mut self, features: &Matrix, classes: &[u32]) -> Result<(), MethodError>;

    /// Logits `[rows, classes]`, all finite; 0 before it is fitted. A class that no row had when it
    /// was fitted is never the largest.
    fn logits(&self, features: &Matrix) -> Matrix;

    /// Everything that decides the logits, as `f32`. Loading it into another one of the same
    /// configuration gives the same logits, bit for bit.
    fn tensors(&self) -> Vec<NamedTensor>;

    /// Takes what [`tensors`](Self::tensors) gave; sizes are those of the tensors.
    ///
    /// # Errors
    /// If one is missing or their shapes do not fit each other.
    fn load(&mut self, tensors: &BTreeMap<String, TensorData>) -> Result<(), NetworkError>;
}
