//! Virtual adversarial training.

use crate::checks::assert_not_empty;
use burn::tensor::{Tensor, activation::log_softmax};

/// Keeps a row of zeros from dividing zero by zero.
const SMALLEST: f64 = 1e-30;

/// Mean divergence of predictions from reference predictions that are held constant:
/// `mean_i sum_k p_ik (log p_ik - log q_ik)`, `p = softmax(reference)`, `q = softmax(logits)`.
///
/// At least 0. The gradient goes through `logits` alone.
///
/// Source: Miyato et al., "Virtual adversarial training", TPAMI 2018, with `q` the predictions of
/// perturbed inputs. Peers: pytorch-adapt, DIRT-T are the same.
///
/// # Shapes
/// - `reference`, `logits`: `[batch, classes]`
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty or the shapes differ.
pub fn divergence(reference: Tensor<2>, logits: Tensor<2>) -> Tensor<1> {
    assert_not_empty("divergence", &reference);
    assert_eq!(reference.dims(), logits.dims(), "divergence: the predictions differ in shape");
    let reference = log_softmax(reference.detach(), 1);
    let difference = reference.clone() - log_softmax(logits, 1);
    (reference.exp() * difference).sum_dim(1).mean()
}

/// The perturbation of length `radius` that changes each row's prediction most, by one step of the
/// power iteration:
///
/// ```text
/// d = xi * direction / |direction|,   g = gradient of divergence(reference, predict(d)) at d
/// r = radius * g / |g|
/// ```
///
/// `predict` gives the logits of rows perturbed by what it is given. Only first-order gradients are
/// taken, and the result is off their tape: a constant for the loss. Rows whose prediction does not
/// change at all get 0.
///
/// `xi` is the length of a finite difference: 1e-6, as in published code, is all rounding noise in
/// single precision; 0.001 to 0.1 give the same direction to several digits.
///
/// Source: Miyato et al., "Virtual adversarial training", TPAMI 2018. Peers: pytorch-adapt.
///
/// # Shapes
/// - `reference`: `[batch, classes]`
/// - `direction`: `[batch, values]`, a random direction for each row
/// - result: `[batch, values]`, on the autodiff device, without a gradient
///
/// # Panics
/// If the batch is empty.
pub fn adversarial_perturbation(
    reference: Tensor<2>,
    direction: Tensor<2>,
    xi: f64,
    radius: f64,
    predict: impl FnOnce(Tensor<2>) -> Tensor<2>,
) -> Tensor<2> {
    assert_not_empty("adversarial_perturbation", &direction);
    let start = unit_rows(direction.inner()).mul_scalar(xi);
    let start = Tensor::from_inner(start).require_grad();
    let changed = divergence(reference, predict(start.clone()));
    let gradients = changed.backward();
    match start.grad(&gradients) {
        Some(gradient) => Tensor::from_inner(unit_rows(gradient).mul_scalar(radius)),
        None => Tensor::from_inner(start.inner().zeros_like()),
    }
}

/// Each row divided by its Euclidean norm; a row of zeros stays one.
fn unit_rows(rows: Tensor<2>) -> Tensor<2> {
    // Squares of small gradients are no number of single precision: the largest becomes 1 before.
    let rows = rows.clone() / rows.abs().max_dim(1).clamp_min(SMALLEST);
    let norms = rows.clone().square().sum_dim(1).sqrt().clamp_min(SMALLEST);
    rows / norms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, values};
    use burn::tensor::Device;

    #[test]
    fn equal_predictions_do_not_diverge_and_the_reference_has_no_gradient() {
        let (logits, other) = (matrix([4, 3], 1), matrix([4, 3], 2));
        let (value, [_, gradient]) = differentiate([&logits, &logits], |[p, q]| divergence(p, q));
        assert_close(&[value], &[0.0], 1e-6);
        assert!(gradient.iter().all(|slope| slope.abs() < 1e-7));
        let (value, [reference, gradient]) =
            differentiate([&logits, &other], |[p, q]| divergence(p, q));
        assert!(value > 0.0 && reference.iter().all(|slope| *slope == 0.0));
        assert!(gradient.iter().any(|slope| slope.abs() > 1e-3));
    }

    /// For `logits = x W` the perturbation that changes two classes most is along `w1 - w2`.
    #[test]
    fn the_perturbation_is_along_the_most_sensitive_direction() {
        let device = Device::flex().autodiff();
        let weight = Tensor::<2>::from_data([[0.6, -0.2], [0.0, 0.6], [0.1, 0.1]], &device);
        let input = matrix([5, 3], 3).detach();
        let predict = |rows: Tensor<2>| (input.clone() + rows).matmul(weight.clone());
        let reference = input.clone().matmul(weight.clone());
        let direction = matrix([5, 3], 4);
        let found = adversarial_perturbation(reference, direction.clone(), 0.1, 2.0, predict);
        assert!(!found.is_require_grad());
        let along: [f64; 3] = [0.8, -0.6, 0.0];
        for (row, start) in values(&found).chunks(3).zip(values(&direction).chunks(3)) {
            let product = |row: &[f64]| row.iter().zip(along).map(|(a, b)| a * b).sum::<f64>();
            // Up to the sign that the random direction gives it.
            let want = along.map(|value| 2.0 * value * product(start).signum());
            assert_close(row, &want, 1e-3);
        }
    }

    #[test]
    fn tiny_gradients_keep_their_direction_and_none_is_zero() {
        let rows = Tensor::<2>::from_data([[3e-30, 4e-30], [0.0, 0.0]], &Device::flex());
        assert_close(&values(&unit_rows(rows)), &[0.6, 0.8, 0.0, 0.0], 1e-6);
        let device = Device::flex().autodiff();
        let logits = Tensor::<2>::ones([2, 3], &device);
        let constant =
            adversarial_perturbation(logits.clone(), matrix([2, 4], 1), 0.1, 1.0, |rows| {
                logits.clone() + rows.narrow(1, 0, 3).mul_scalar(0.0)
            });
        assert_eq!(values(&constant), vec![0.0; 8]);
    }
}
