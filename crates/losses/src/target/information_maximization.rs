//! Information maximisation.

use super::entropy::{entropy, entropy_rows_with_epsilon};
use crate::checks::assert_not_empty;
use burn::tensor::{Tensor, activation::softmax};

/// Below the smallest normal number, so that the logarithm of an impossible class stays finite.
const SMALLEST_PROBABILITY: f64 = 1e-38;

/// Certain on each row, diverse over the batch: `mean_i H(p_i) - H(mean_i p_i)`, `p = softmax(z)`.
///
/// The negative of the mutual information of row and class; between `-log(classes)` and 0.
///
/// Source: Krause et al., 2010; Hu et al., 2017; SHOT (Liang et al., 2020, eq. 3). Peers:
/// pytorch-adapt computes the same; SHOT uses [`information_maximization_with_epsilon`].
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty.
pub fn information_maximization(logits: Tensor<2>) -> Tensor<1> {
    entropy(logits.clone()) - entropy_of_mean(logits)
}

/// Entropy of the mean class prediction of a batch: `H(mean_i softmax(z_i))`.
///
/// Between 0, where all rows are certain of one class, and `log(classes)`.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty.
pub fn entropy_of_mean(logits: Tensor<2>) -> Tensor<1> {
    assert_not_empty("entropy_of_mean", &logits);
    let mean = softmax(logits, 1).mean_dim(0);
    let logarithms = mean.clone().clamp_min(SMALLEST_PROBABILITY).log();
    (mean * logarithms).sum().neg()
}

/// [`information_maximization`] with `epsilon` inside the logarithm of both terms.
///
/// The form of SHOT, with `epsilon = 1e-5`.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty or `epsilon` is not positive.
pub fn information_maximization_with_epsilon(logits: Tensor<2>, epsilon: f64) -> Tensor<1> {
    assert_not_empty("information_maximization", &logits);
    let probabilities = softmax(logits, 1);
    let mean = probabilities.clone().mean_dim(0);
    let rows = entropy_rows_with_epsilon(probabilities, epsilon).mean();
    rows - entropy_rows_with_epsilon(mean, epsilon)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, scalar};
    use burn::tensor::Device;

    #[test]
    fn is_least_for_certain_and_balanced_predictions() {
        let logits = Tensor::<2>::eye(4, &Device::flex()).mul_scalar(100.0);
        assert_close(&[scalar(&information_maximization(logits))], &[-4.0_f64.ln()], 1e-6);
    }

    #[test]
    fn a_class_that_nobody_predicts_is_finite() {
        let logits =
            Tensor::from_data([[0.0, 1.0, -500.0], [1.0, 0.0, -500.0]], &Device::flex().autodiff());
        let (value, [gradient]) = differentiate([&logits], |[z]| information_maximization(z));
        assert!(value.is_finite() && gradient.iter().all(|slope| slope.is_finite()));
    }
}
