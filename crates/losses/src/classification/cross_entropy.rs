//! Cross-entropy on logits.

use crate::checks::assert_not_empty;
use burn::tensor::{Int, Tensor, activation::log_softmax};

/// Mean cross-entropy of class labels: `mean_i -log softmax(z_i)[y_i]`.
///
/// Computed from `log_softmax`, so that logits of any size give a finite value and an exact
/// gradient `(softmax(z) - onehot(y)) / batch`.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - `labels`: `[batch]`, each in `0..classes`
/// - result: `[1]`, at least 0
///
/// # Panics
/// If the batch is empty or the number of labels is not the number of rows.
pub fn cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    cross_entropy_per_sample(logits, labels).mean()
}

/// Cross-entropy of each row: `-log softmax(z_i)[y_i]`.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - `labels`: `[batch]`, each in `0..classes`
/// - result: `[batch]`
///
/// # Panics
/// If the batch is empty or the number of labels is not the number of rows.
pub fn cross_entropy_per_sample(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    assert_labels(&logits, &labels);
    log_softmax(logits, 1).gather(1, labels.unsqueeze_dim(1)).squeeze_dim::<1>(1).neg()
}

/// Mean cross-entropy against smoothed labels.
///
/// The target distribution is `(1 - smoothing) onehot(y) + smoothing / classes` (Szegedy et al.,
/// "Rethinking the Inception architecture", 2016, section 7), as in PyTorch and in the source
/// stage of SHOT (Liang et al., 2020, eq. 1, smoothing 0.1). `smoothing = 0` is
/// [`cross_entropy`].
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - `labels`: `[batch]`, each in `0..classes`
/// - result: `[1]`
///
/// # Panics
/// If `smoothing` is outside `[0, 1]`, the batch is empty or the number of labels is not the
/// number of rows.
pub fn cross_entropy_smoothed(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
    smoothing: f64,
) -> Tensor<1> {
    assert!(
        (0.0..=1.0).contains(&smoothing),
        "cross_entropy_smoothed: smoothing must be in [0, 1], got {smoothing}"
    );
    if smoothing == 0.0 {
        return cross_entropy(logits, labels);
    }
    assert_labels(&logits, &labels);
    let log_probabilities = log_softmax(logits, 1);
    let own = log_probabilities.clone().gather(1, labels.unsqueeze_dim(1)).mean();
    let uniform = log_probabilities.mean();
    own.mul_scalar(smoothing - 1.0) - uniform.mul_scalar(smoothing)
}

/// Cross-entropy of each row against smoothed labels; its mean is [`cross_entropy_smoothed`].
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - `labels`: `[batch]`, each in `0..classes`
/// - result: `[batch]`
///
/// # Panics
/// As [`cross_entropy_smoothed`].
pub fn cross_entropy_smoothed_per_sample(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
    smoothing: f64,
) -> Tensor<1> {
    assert!(
        (0.0..=1.0).contains(&smoothing),
        "cross_entropy_smoothed: smoothing must be in [0, 1], got {smoothing}"
    );
    assert_labels(&logits, &labels);
    let log_probabilities = log_softmax(logits, 1);
    let own = log_probabilities.clone().gather(1, labels.unsqueeze_dim(1)).squeeze_dim::<1>(1);
    let uniform = log_probabilities.mean_dim(1).squeeze_dim::<1>(1);
    own.mul_scalar(smoothing - 1.0) - uniform.mul_scalar(smoothing)
}

#[track_caller]
fn assert_labels(logits: &Tensor<2>, labels: &Tensor<1, Int>) {
    assert_not_empty("cross_entropy", logits);
    let [rows, _] = logits.dims();
    let [count] = labels.dims();
    assert_eq!(rows, count, "cross_entropy: {rows} rows of logits and {count} labels");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, values};
    use burn::tensor::{Device, activation::softmax};

    fn labels<const N: usize>(labels: [i32; N]) -> Tensor<1, Int> {
        Tensor::from_data(labels, &Device::flex())
    }

    #[test]
    fn gradient_is_softmax_minus_label() {
        let logits = matrix([3, 4], 1);
        let (value, [gradient]) =
            differentiate([&logits], |[z]| cross_entropy(z, labels([2, 0, 3])));
        let p = values(&softmax(logits, 1));
        let own = [p[2], p[4], p[11]];
        assert_close(&[value], &[-own.iter().map(|p| p.ln()).sum::<f64>() / 3.0], 1e-6);
        let mut want = p;
        for index in [2, 4, 11] {
            want[index] -= 1.0;
        }
        let want: Vec<f64> = want.iter().map(|value| value / 3.0).collect();
        assert_close(&gradient, &want, 1e-6);
    }

    #[test]
    fn is_finite_and_exact_for_large_logits() {
        let logits = Tensor::from_data([[1000.0, -1000.0]], &Device::flex().autodiff());
        let (value, [gradient]) = differentiate([&logits], |[z]| cross_entropy(z, labels([1])));
        assert_eq!(value, 2000.0);
        assert_eq!(gradient, [1.0, -1.0]);
    }

    #[test]
    fn smoothing_mixes_with_the_uniform_distribution() {
        let logits = matrix([3, 4], 2);
        let (value, [gradient]) =
            differentiate([&logits], |[z]| cross_entropy_smoothed(z, labels([1, 1, 0]), 0.1));
        let p = values(&softmax(logits, 1));
        let mut target = vec![0.1 / 4.0; 12];
        for index in [1, 5, 8] {
            target[index] += 0.9;
        }
        let want: f64 = p.iter().zip(&target).map(|(p, q)| -q * p.ln()).sum::<f64>() / 3.0;
        assert_close(&[value], &[want], 1e-6);
        let want: Vec<f64> = p.iter().zip(&target).map(|(p, q)| (p - q) / 3.0).collect();
        assert_close(&gradient, &want, 1e-6);
    }

    #[test]
    #[should_panic(expected = "2 rows of logits and 3 labels")]
    fn refuses_a_label_too_many() {
        cross_entropy(matrix([2, 4], 1), labels([0, 1, 2]));
    }
}
