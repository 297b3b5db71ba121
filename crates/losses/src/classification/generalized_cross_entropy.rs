//! A loss for labels of which some are wrong.

use super::cross_entropy::cross_entropy_per_sample;
use burn::tensor::{Int, Tensor};

/// Generalised cross-entropy of each row: `(1 - p^q) / q`, with `p = softmax(z_i)[y_i]`.
///
/// For `q = 0` it is the cross-entropy, which is the limit; for `q = 1` it is `1 - p`, half the mean
/// absolute error. The gradient is `p^q` times that of the cross-entropy: a row counts the less the
/// less probable its label is. Computed from `log p`, so that logits of any size give finite values.
///
/// Source: Zhang, Sabuncu, "Generalized cross entropy loss for training deep neural networks with
/// noisy labels", NeurIPS 2018, eq. 6; without its truncation.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - `labels`: `[batch]`, each in `0..classes`
/// - result: `[batch]`, between 0 and `1 / q`
///
/// # Panics
/// If `exponent`, `q`, is outside `[0, 1]`, the batch is empty or the number of labels is not the
/// number of rows.
pub fn generalized_cross_entropy_per_sample(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
    exponent: f64,
) -> Tensor<1> {
    assert!(
        (0.0..=1.0).contains(&exponent),
        "generalized_cross_entropy: the exponent must be in [0, 1], got {exponent}"
    );
    let losses = cross_entropy_per_sample(logits, labels);
    if exponent == 0.0 {
        return losses;
    }
    losses.mul_scalar(-exponent).exp().neg().add_scalar(1.0).div_scalar(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, values};
    use burn::tensor::{Device, activation::softmax};

    fn labels<const N: usize>(labels: [i32; N]) -> Tensor<1, Int> {
        Tensor::from_data(labels, &Device::flex())
    }

    /// The mean loss of three rows and its gradient.
    fn mean(logits: &Tensor<2>, exponent: f64) -> (f64, Vec<f64>) {
        let (value, [gradient]) = differentiate([logits], |[z]| {
            generalized_cross_entropy_per_sample(z, labels([2, 0, 3]), exponent).mean()
        });
        (value, gradient)
    }

    #[test]
    fn value_and_gradient_are_those_of_the_formula() {
        let logits = matrix([3, 4], 1);
        let p = values(&softmax(logits.clone(), 1));
        for exponent in [0.3, 0.7, 1.0] {
            let (value, gradient) = mean(&logits, exponent);
            let own = [p[2], p[4], p[11]];
            let want: f64 = own.iter().map(|p| (1.0 - p.powf(exponent)) / exponent).sum();
            assert_close(&[value], &[want / 3.0], 1e-6);
            // p^q times softmax minus label.
            let mut want = p.clone();
            for index in [2, 4, 11] {
                want[index] -= 1.0;
            }
            for (row, own) in want.chunks_mut(4).zip(own) {
                row.iter_mut().for_each(|slope| *slope *= own.powf(exponent) / 3.0);
            }
            assert_close(&gradient, &want, 1e-5);
        }
    }

    #[test]
    fn of_exponent_0_it_is_the_cross_entropy_which_small_exponents_come_near() {
        let logits = matrix([3, 4], 2);
        let (value, gradient) = mean(&logits, 0.0);
        let (want, [slope]) =
            differentiate([&logits], |[z]| cross_entropy_per_sample(z, labels([2, 0, 3])).mean());
        assert_eq!((value, gradient.clone()), (want, slope));
        let (near, slopes) = mean(&logits, 1e-3);
        assert_close(&[near], &[value], 2e-3);
        assert_close(&slopes, &gradient, 3e-3);
    }

    #[test]
    fn a_row_whose_label_is_impossible_is_left_alone() {
        let logits = Tensor::from_data(
            [[1e4, -1e4, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1e4]],
            &Device::flex().autodiff(),
        );
        let (value, gradient) = mean(&logits, 0.5);
        // Labels of probability 0, 1/4 and 1.
        assert_close(&[value], &[(2.0 + (1.0 - 0.5) * 2.0) / 3.0], 1e-6);
        assert!(gradient[..4].iter().chain(&gradient[8..]).all(|slope| *slope == 0.0));
        assert_close(&gradient[4..8], &[-0.75, 0.25, 0.25, 0.25].map(|it| it * 0.5 / 3.0), 1e-6);
    }

    #[test]
    #[should_panic(expected = "the exponent must be in [0, 1], got 1.5")]
    fn refuses_an_exponent_above_1() {
        generalized_cross_entropy_per_sample(matrix([1, 2], 1), labels([0]), 1.5);
    }
}
