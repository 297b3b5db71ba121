//! What comes after a normalisation.

use burn::tensor::Tensor;
use isthmus_kernels::Rectifier;

use crate::row_groups::Group;

/// What is done to normalised values before they leave: an addition, then a rectifier. On the host
/// it costs no pass over memory of its own.
#[derive(Clone, Debug)]
pub struct AfterNorm<const D: usize> {
    /// What is added, of the input's shape.
    pub residual: Option<Tensor<D>>,
    /// What cuts values off.
    pub rectifier: Option<Rectifier>,
}

impl<const D: usize> Default for AfterNorm<D> {
    fn default() -> Self {
        Self { residual: None, rectifier: None }
    }
}

impl<const D: usize> From<Rectifier> for AfterNorm<D> {
    fn from(rectifier: Rectifier) -> Self {
        Self { residual: None, rectifier: Some(rectifier) }
    }
}

impl<const D: usize> AfterNorm<D> {
    /// Applies it to normalised values.
    pub(crate) fn apply(self, normalized: Tensor<D>) -> Tensor<D> {
        let sum = match self.residual {
            None => normalized,
            Some(residual) => normalized + residual,
        };
        match self.rectifier {
            None => sum,
            Some(rectifier) => rectifier.forward(sum),
        }
    }

    /// Its part for the rows of a group.
    pub(crate) fn of(&self, group: &Group) -> Self {
        let residual = self.residual.as_ref().map(|residual| group.take(residual));
        Self { residual, rectifier: self.rectifier }
    }
}
