//! Batch nuclear-norm maximisation.

use crate::checks::assert_not_empty;
use crate::closed_form::attach;
use crate::decomposition::{Decomposition, decompose};
use burn::tensor::{Tensor, activation::softmax};

/// Smaller probabilities are raised to this before the decomposition, whose rotations lose
/// digits on entries so small that their squares underflow.
const NEGLIGIBLE: f64 = 1e-12;

/// Negative nuclear norm of the predictions: `-|softmax(z)|_* / batch`.
///
/// The nuclear norm is the sum of the singular values; its gradient is `U V^T`. Large when rows
/// are certain and classes diverse, so minimising the loss asks for both. Between
/// `-sqrt(min(batch, classes) / batch)` and 0. Where predictions have not full rank the norm has
/// no unique gradient and one of its subgradients is taken.
///
/// Source: Cui et al., "Towards discriminability and diversity: batch nuclear-norm maximization",
/// 2020. Peers: pytorch-adapt. The decomposition runs on the host.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty.
pub fn bnm(logits: Tensor<2>) -> Tensor<1> {
    assert_not_empty("bnm", &logits);
    let scale = -1.0 / logits.dims()[0] as f64;
    let probabilities = softmax(logits, 1);
    let matrix = probabilities.clone().inner().clamp_min(NEGLIGIBLE);
    let Some(Decomposition { left, values, right }) = decompose(&matrix) else {
        return probabilities.sum().mul_scalar(f64::NAN);
    };
    let gradient = left.matmul(right).mul_scalar(scale);
    attach(values.sum().mul_scalar(scale), &probabilities, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, scalar};
    use burn::tensor::Device;

    #[test]
    fn is_least_for_certain_and_balanced_predictions() {
        let certain = Tensor::<2>::eye(3, &Device::flex()).mul_scalar(100.0);
        let batch = Tensor::cat(vec![certain.clone(), certain], 0);
        assert_close(&[scalar(&bnm(batch))], &[-(3.0_f64 / 6.0).sqrt()], 1e-6);
    }

    #[test]
    fn equal_rows_have_a_finite_gradient() {
        let logits = Tensor::from_data([[1.0, 0.0, 2.0]; 5], &Device::flex().autodiff());
        let (value, [gradient]) = differentiate([&logits], |[z]| bnm(z));
        assert!(value.is_finite() && gradient.iter().all(|slope| slope.is_finite()));
    }
}
