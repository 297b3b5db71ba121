//! The loss of open set domain adaptation by backpropagation.

use burn::tensor::{Tensor, activation::log_softmax};

use crate::checks::assert_not_empty;

/// Binary cross-entropy between the probability of the last, unknown, class and `probability`.
///
/// ```text
/// loss = mean_i -t log p_i(unknown) - (1 - t) log(1 - p_i(unknown)),  t = probability
/// ```
///
/// The classifier minimises it on target rows, which puts its boundary for unknown samples at `t`;
/// the features maximise it through a [`gradient_reversal`](super::gradient_reversal), which moves
/// each sample to one side of the boundary. Computed from logits: exact where a probability is 0.
///
/// Source: Saito, Yamamoto, Ushiku, Harada, "Open set domain adaptation by backpropagation", ECCV
/// 2018, eq. 4. Peers: tllib takes the logarithm of probabilities with 1e-6 added.
///
/// # Shapes
/// - `logits`: `[batch, classes + 1]`, the unknown class last
/// - result: `[1]`, at least the entropy of a coin of `probability`
///
/// # Panics
/// If the batch is empty, there is a single column, or `probability` is outside (0, 1).
pub fn unknown_class_bce(logits: Tensor<2>, probability: f64) -> Tensor<1> {
    assert_not_empty("unknown_class_bce", &logits);
    let [_, columns] = logits.dims();
    assert!(columns > 1, "unknown_class_bce: needs a known class beside the unknown one");
    assert!(
        0.0 < probability && probability < 1.0,
        "unknown_class_bce: the probability must be in (0, 1), got {probability}"
    );
    let log_probabilities = log_softmax(logits, 1);
    let unknown = log_probabilities.clone().narrow(1, columns - 1, 1);
    let known = log_probabilities.narrow(1, 0, columns - 1);
    // log of a sum of probabilities, without leaving the logarithms.
    let largest = known.clone().detach().max_dim(1);
    let known = (known - largest.clone()).exp().sum_dim(1).log() + largest;
    (unknown.mul_scalar(probability) + known.mul_scalar(1.0 - probability)).mean().neg()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, values};

    #[test]
    fn the_value_is_that_of_the_formula() {
        let logits = matrix([6, 4], 3);
        for probability in [0.5, 0.2] {
            let expected: f64 = values(&logits)
                .chunks(4)
                .map(|row| {
                    let sum: f64 = row.iter().map(|value| value.exp()).sum();
                    let unknown = row[3].exp() / sum;
                    -probability * unknown.ln() - (1.0 - probability) * (1.0 - unknown).ln()
                })
                .sum::<f64>()
                / 6.0;
            let (loss, _) = differentiate([&logits], |[z]| unknown_class_bce(z, probability));
            assert!((loss - expected).abs() < 1e-6, "{loss} {expected}");
        }
    }

    /// d loss / d z_unknown = (p - t) / rows; of a known class -(p - t) q / rows, q its share among
    /// the known ones.
    #[test]
    fn the_gradient_is_that_of_the_formula() {
        let logits = matrix([5, 3], 9);
        let (_, [gradient]) = differentiate([&logits], |[z]| unknown_class_bce(z, 0.3));
        let expected: Vec<f64> = values(&logits)
            .chunks(3)
            .flat_map(|row| {
                let sum: f64 = row.iter().map(|value| value.exp()).sum();
                let p = row[2].exp() / sum;
                let known = |z: f64| -(p - 0.3) * z.exp() / (sum - row[2].exp()) / 5.0;
                [known(row[0]), known(row[1]), (p - 0.3) / 5.0]
            })
            .collect();
        assert_close(&gradient, &expected, 1e-5);
    }

    #[test]
    fn certain_rows_have_a_finite_loss_and_gradient() {
        let device = Device::flex().autodiff();
        let logits = Tensor::<2>::from_floats([[200.0, 0.0, -200.0], [0.0, 0.0, 300.0]], &device);
        let (loss, [gradient]) =
            differentiate([&logits.require_grad()], |[z]| unknown_class_bce(z, 0.5));
        assert!((loss - 0.5 * 0.5 * (400.0 + 300.0)).abs() < 0.5, "{loss}");
        assert!(gradient.iter().all(|value| value.is_finite()), "{gradient:?}");
    }
}
