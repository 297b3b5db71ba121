//! Entropy of predictions.

use crate::checks::assert_not_empty;
use burn::tensor::{
    Tensor,
    activation::{log_softmax, softmax},
};

/// Mean entropy of the class predictions: `mean_i -sum_k p_ik log p_ik`, `p = softmax(z)`.
///
/// Exact, from `log_softmax`. Between 0 and `log(classes)`.
///
/// Source: Grandvalet and Bengio, "Semi-supervised learning by entropy minimization", 2005.
/// Peers: Tent, DIRT-T and pytorch-adapt (on logits) are exact as well; tllib and SHOT use
/// [`entropy_with_epsilon`]. skada's entropy score averages over entries, not rows.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty.
pub fn entropy(logits: Tensor<2>) -> Tensor<1> {
    entropy_per_sample(logits).mean()
}

/// Entropy of the class prediction of each row.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - result: `[batch]`, between 0 and `log(classes)`
///
/// # Panics
/// If the batch is empty.
pub fn entropy_per_sample(logits: Tensor<2>) -> Tensor<1> {
    assert_not_empty("entropy", &logits);
    let log_probabilities = log_softmax(logits, 1);
    (log_probabilities.clone().exp() * log_probabilities).sum_dim(1).squeeze_dim::<1>(1).neg()
}

/// Mean entropy with a small number inside the logarithm: `mean_i -sum_k p_ik log(p_ik + epsilon)`.
///
/// The form of tllib and SHOT, both with `epsilon = 1e-5`. It differs from [`entropy`] by at most
/// about `epsilon * classes` in value; its gradient is visibly smaller for nearly one-hot rows.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty or `epsilon` is not positive.
pub fn entropy_with_epsilon(logits: Tensor<2>, epsilon: f64) -> Tensor<1> {
    assert_not_empty("entropy_with_epsilon", &logits);
    entropy_rows_with_epsilon(softmax(logits, 1), epsilon).mean()
}

/// The entropy of rows of probabilities with a small number inside the logarithm.
pub(super) fn entropy_rows_with_epsilon(probabilities: Tensor<2>, epsilon: f64) -> Tensor<1> {
    assert!(epsilon > 0.0, "entropy_with_epsilon: epsilon must be positive, got {epsilon}");
    let logarithms = probabilities.clone().add_scalar(epsilon).log();
    (probabilities * logarithms).sum_dim(1).squeeze_dim::<1>(1).neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, scalar, values};
    use burn::tensor::Device;

    #[test]
    fn is_a_mean_over_rows() {
        let uniform = Tensor::<2>::zeros([4, 10], &Device::flex());
        assert_close(&[scalar(&entropy(uniform))], &[10.0_f64.ln()], 1e-6);
        let logits = matrix([4, 10], 1);
        let rows = values(&entropy_per_sample(logits.clone()));
        let mean = rows.iter().sum::<f64>() / 4.0;
        assert_close(&[scalar(&entropy(logits))], &[mean], 1e-6);
    }

    #[test]
    fn a_certain_row_has_no_entropy_and_a_finite_gradient() {
        let logits = Tensor::from_data([[800.0, 0.0, -800.0]], &Device::flex().autodiff());
        for loss in [entropy, |z| entropy_with_epsilon(z, 1e-5)] {
            let (value, [gradient]) = differentiate([&logits], |[z]| loss(z));
            assert!(value.abs() < 2e-5);
            assert!(gradient.iter().all(|slope| slope.abs() < 1e-5));
        }
    }
}
