//! What a model is trained to predict on labelled rows, and how its predictions are judged.

use burn::tensor::Tensor;

use crate::error::MethodError;
use crate::model::ModelOutput;
use crate::targets::Targets;

/// The loss on labelled rows. Methods add to it; they do not replace it.
pub trait Objective: Send + Sync {
    /// Number of outputs of the classifier for a task with `classes` classes.
    fn outputs(&self, classes: usize) -> usize;

    /// Name of the loss in records.
    fn loss_name(&self) -> &'static str;

    /// Mean loss of the rows of `output`, shape `[1]`. `weights` `[rows]` multiplies the loss of
    /// each row; the sum is divided by the number of rows, so weights of mean 1 keep its scale.
    ///
    /// # Errors
    /// If the objective does not take such targets.
    fn loss(
        &self,
        output: &ModelOutput,
        targets: &Targets,
        weights: Option<Tensor<1>>,
    ) -> Result<Tensor<1>, MethodError>;
}

/// The error of an objective for targets that it does not take.
pub fn unsuitable_targets(objective: &str, expected: &str, found: &Targets) -> MethodError {
    MethodError::Unsuitable(format!(
        "the objective `{objective}` takes {expected} as targets, this data set has {}",
        found.kind()
    ))
}
