//! Adaptive feature norm.

use burn::tensor::Tensor;

use crate::checks::assert_not_empty;
use crate::closed_form::attach;

/// Asks every row for a norm that is `step` longer than its own.
///
/// ```text
/// loss = mean_i (|f_i| - (|f_i| + step))^2,  the norm in the inner parentheses constant
/// ```
///
/// The value is always `step^2`; the gradient `-2 step f_i / (rows |f_i|)` makes each row longer,
/// by as much whatever its length. A row of zeros has no direction and gets none.
///
/// Source: Xu, Li, Yang, Lin, "Larger norm more transferable: an adaptive feature norm approach for
/// unsupervised domain adaptation", ICCV 2019, eq. 5 (SAFN). Peers: tllib and pytorch-adapt are the
/// same.
///
/// # Shapes
/// - `features`: `[batch, features]`, of one domain
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty.
pub fn stepwise_feature_norm(features: Tensor<2>, step: f64) -> Tensor<1> {
    assert_not_empty("stepwise_feature_norm", &features);
    let rows = features.dims()[0] as f64;
    let (_, directions) = norms(features.clone().detach());
    let value = Tensor::full([1], step * step, &directions.device());
    attach(value, &features, directions.mul_scalar(-2.0 * step / rows))
}

/// Asks the mean norm of a batch to be `radius`: `(mean_i |f_i| - radius)^2`.
///
/// A row of zeros has no direction and gets no gradient.
///
/// Source: Xu, Li, Yang, Lin, "Larger norm more transferable", ICCV 2019, eq. 3 (HAFN).
///
/// # Shapes
/// - `features`: `[batch, features]`, of one domain
/// - result: `[1]`, at least 0
///
/// # Panics
/// If the batch is empty.
pub fn hard_feature_norm(features: Tensor<2>, radius: f64) -> Tensor<1> {
    assert_not_empty("hard_feature_norm", &features);
    let rows = features.dims()[0] as f64;
    let (lengths, directions) = norms(features.clone().detach());
    let difference = lengths.mean().sub_scalar(radius);
    let slope = difference.clone().mul_scalar(2.0 / rows).unsqueeze::<2>();
    attach(difference.square(), &features, directions * slope)
}

/// The norm of each row `[batch, 1]` and the rows divided by it; zeros stay zeros.
fn norms(features: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let features = features.inner();
    // Squares of the largest entries must neither overflow nor vanish.
    let largest = features.clone().abs().max_dim(1);
    let scale = largest.clone().mask_fill(largest.equal_elem(0.0), 1.0);
    let scaled = features / scale.clone();
    let lengths = scaled.clone().square().sum_dim(1).sqrt();
    let divisor = lengths.clone().mask_fill(lengths.clone().equal_elem(0.0), 1.0);
    (lengths * scale, scaled / divisor)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, values};

    fn rows<const N: usize>(rows: [[f32; 2]; N]) -> Tensor<2> {
        Tensor::from_data(rows, &Device::flex().autodiff())
    }

    #[test]
    fn every_row_is_made_longer_by_as_much() {
        let features = rows([[3.0, 4.0], [0.0, -0.01], [0.0, 0.0]]);
        let (value, [gradient]) = differentiate([&features], |[f]| stepwise_feature_norm(f, 0.3));
        assert_close(&[value], &[0.09], 1e-6);
        assert_close(&gradient, &[-0.12, -0.16, 0.0, 0.2, 0.0, 0.0], 1e-6);
    }

    /// The gradient, by differences of the value.
    #[test]
    fn the_mean_norm_moves_to_the_radius() {
        let features = matrix([5, 3], 4);
        let (value, [gradient]) = differentiate([&features], |[f]| hard_feature_norm(f, 2.0));
        let flat = values(&features);
        let loss = |flat: &[f64]| {
            let norms = flat.chunks(3).map(|row| row.iter().map(|x| x * x).sum::<f64>().sqrt());
            (norms.sum::<f64>() / 5.0 - 2.0).powi(2)
        };
        assert_close(&[value], &[loss(&flat)], 1e-5);
        let numeric: Vec<f64> = (0..flat.len())
            .map(|at| {
                let moved = |by: f64| {
                    let mut flat = flat.clone();
                    flat[at] += by;
                    loss(&flat)
                };
                (moved(1e-5) - moved(-1e-5)) / 2e-5
            })
            .collect();
        assert_close(&gradient, &numeric, 1e-4);
    }

    #[test]
    fn extreme_rows_have_finite_losses_and_gradients() {
        let features = rows([[1e30, -1e30], [1e-30, 0.0], [0.0, 0.0]]);
        for loss in [|f| stepwise_feature_norm(f, 1.0), |f: Tensor<2>| hard_feature_norm(f, 25.0)] {
            let small = features.clone().narrow(0, 1, 2);
            let (value, [gradient]) = differentiate([&small], |[f]| loss(f));
            assert!(value.is_finite() && gradient.iter().all(|slope| slope.is_finite()));
        }
        let (value, [gradient]) = differentiate([&features], |[f]| stepwise_feature_norm(f, 1.0));
        assert!(value == 1.0 && gradient.iter().all(|slope| slope.is_finite()), "{gradient:?}");
    }
}
