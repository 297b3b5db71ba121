//! Minimum class confusion.

use super::entropy::entropy_rows_with_epsilon;
use crate::checks::assert_not_empty;
use burn::tensor::{Tensor, activation::softmax};

/// What the published code adds inside the logarithm of the certainty weights.
const EPSILON: f64 = 1e-5;

/// Keeps a class that no row predicts from dividing zero by zero; its square, which the gradient
/// divides by, is still a number of 32 bits.
const SMALLEST_MASS: f64 = 1e-18;

/// Minimum class confusion: how much probability mass goes to pairs of different classes.
///
/// ```text
/// p = softmax(z / temperature),   w_i = 1 + exp(-H(p_i)), scaled to sum to the batch
/// C = p^T diag(w) p, each row divided by its sum
/// loss = (sum C - trace C) / classes
/// ```
///
/// The weights `w` are constants in the gradient. Between 0 and `1 - 1/classes`. A row of `C`
/// divided by its sum adds up to one, and its sum is `sum_i w_i p_ik`, so the loss is
/// `1 - mean_k (sum_i w_i p_ik^2 / sum_i w_i p_ik)`: no matrix is formed.
///
/// Source: Jin et al., "Minimum class confusion for versatile domain adaptation", 2020.
/// Peers: tllib (temperature 2.5), pytorch-adapt and SUTA differ in the number inside the
/// logarithm only; skada does not detach the weights, so its gradient is another.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty or `temperature` is not positive.
pub fn mcc(logits: Tensor<2>, temperature: f64) -> Tensor<1> {
    assert_not_empty("mcc", &logits);
    assert!(temperature > 0.0, "mcc: temperature must be positive, got {temperature}");
    let probabilities = softmax(logits.div_scalar(temperature), 1);
    let entropies = entropy_rows_with_epsilon(probabilities.clone().inner(), EPSILON);
    confusion(probabilities, entropies)
}

/// The loss of probabilities whose rows weigh by these entropies, off the tape.
pub(super) fn confusion(probabilities: Tensor<2>, entropies: Tensor<1>) -> Tensor<1> {
    // Scaling all weights changes no ratio, so they need not sum to the batch.
    let weights = entropies.neg().exp().add_scalar(1.0).unsqueeze_dim::<2>(1);
    let weighted = probabilities.clone() * weights;
    let own = (weighted.clone() * probabilities).sum_dim(0);
    let mass = weighted.sum_dim(0).clamp_min(SMALLEST_MASS);
    (own / mass).mean().neg().add_scalar(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, scalar, values};
    use burn::tensor::Device;

    #[test]
    fn equals_the_confusion_matrix_formula() {
        let logits = matrix([6, 4], 1).inner().mul_scalar(4.0);
        let p = values(&softmax(logits.clone().div_scalar(2.5), 1));
        let rows: Vec<&[f64]> = p.chunks(4).collect();
        let weights: Vec<f64> = rows
            .iter()
            .map(|row| {
                let entropy: f64 = row.iter().map(|p| -p * (p + EPSILON).ln()).sum();
                1.0 + (-entropy).exp()
            })
            .collect();
        let mut off_diagonal = 0.0;
        for a in 0..4 {
            let entry = |b: usize| -> f64 {
                rows.iter().zip(&weights).map(|(row, w)| w * row[a] * row[b]).sum()
            };
            let sum: f64 = (0..4).map(entry).sum();
            off_diagonal += (0..4).filter(|b| *b != a).map(|b| entry(b) / sum).sum::<f64>();
        }
        assert_close(&[scalar(&mcc(logits, 2.5))], &[off_diagonal / 4.0], 1e-6);
    }

    #[test]
    fn weights_carry_no_gradient() {
        // One row: its weight cancels, and a weight with a gradient would cancel as well, so two.
        let logits = matrix([2, 3], 2);
        let (_, [got]) = differentiate([&logits], |[z]| mcc(z, 1.0));
        let weights = {
            let p = softmax(logits.clone().inner(), 1);
            let entropies = entropy_rows_with_epsilon(p, EPSILON);
            entropies.neg().exp().add_scalar(1.0).unsqueeze_dim::<2>(1)
        };
        let (_, [want]) = differentiate([&logits], |[z]| {
            let p = softmax(z, 1);
            let confusion = (p.clone() * weights.clone()).transpose().matmul(p);
            let confusion = confusion.clone() / confusion.sum_dim(1);
            let trace = (confusion.clone() * Tensor::eye(3, &Device::flex())).sum();
            (confusion.sum() - trace).div_scalar(3.0)
        });
        assert_close(&got, &want, 1e-5);
    }

    #[test]
    fn a_class_that_nobody_predicts_is_finite() {
        let logits =
            Tensor::from_data([[5.0, 0.0, -900.0], [0.0, 5.0, -900.0]], &Device::flex().autodiff());
        let (value, [gradient]) = differentiate([&logits], |[z]| mcc(z, 1.0));
        assert!(value.is_finite() && gradient.iter().all(|slope| slope.is_finite()));
    }

    /// The square of such a mass is 0 in 32 bits.
    #[test]
    fn a_class_of_hardly_any_mass_has_a_finite_gradient() {
        let logits = Tensor::<2>::from_floats(
            [[0.0, 0.0, 8614.0, 8756.0], [0.0, 0.0, 0.0, 2794.0]],
            &Device::flex(),
        );
        let (loss, [gradient]) =
            differentiate([&Tensor::from_inner(logits)], |[logits]| mcc(logits, 2.5));
        assert!(loss.is_finite() && gradient.iter().all(|value| value.is_finite()), "{gradient:?}");
    }
}
