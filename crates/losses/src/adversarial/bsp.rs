//! Batch spectral penalization.

use burn::tensor::Tensor;

use crate::checks::assert_not_empty;
use crate::closed_form::attach;
use crate::decomposition::{Decomposition, decompose};

/// The sum of squares of the `count` largest singular values of a batch of features, which are not
/// centred: `sum_k sigma_k^2`.
///
/// Its gradient is `2 sum_k sigma_k u_k v_k^T`. Adversarial alignment makes the directions of the
/// largest singular values dominate; the penalty gives the others, in which classes differ, their
/// room. Where singular values are equal the gradient is one of several.
///
/// Source: Chen, Wang, Long, Wang, "Transferability vs. discriminability: batch spectral
/// penalization for adversarial domain adaptation", ICML 2019, eq. 6. Peers: tllib and pytorch-adapt
/// are the same, by a whole decomposition of the features; here only the largest are computed, of
/// the smaller Gram matrix, on the host.
///
/// # Shapes
/// - `features`: `[batch, features]`, of one domain
/// - result: `[1]`, at least 0; not a number where a feature is not
///
/// # Panics
/// If the batch is empty or `count` is 0.
pub fn batch_spectral_penalization(features: Tensor<2>, count: usize) -> Tensor<1> {
    assert_not_empty("batch_spectral_penalization", &features);
    assert!(count > 0, "batch_spectral_penalization: needs at least one singular value");
    let matrix = features.clone().detach().inner();
    let scale = matrix.clone().abs().max().into_scalar::<f64>();
    if !scale.is_finite() {
        return features.sum().mul_scalar(f64::NAN);
    }
    if scale == 0.0 {
        return attach(Tensor::zeros([1], &matrix.device()), &features, matrix);
    }
    // Scaled, so that no square overflows.
    let scaled = matrix.div_scalar(scale);
    let [rows, columns] = scaled.dims();
    let transposed = scaled.clone().transpose();
    let is_wide = rows <= columns;
    let gram =
        if is_wide { scaled.clone().matmul(transposed) } else { transposed.matmul(scaled.clone()) };
    // The Gram matrix is symmetric: its singular vectors are its eigenvectors.
    let count = count.min(rows.min(columns));
    let Some(Decomposition { left, values: squares, .. }) = decompose(&gram) else {
        return features.sum().mul_scalar(f64::NAN);
    };
    let vectors = left.narrow(1, 0, count).transpose();
    let squares = squares.narrow(0, 0, count);
    let projector = vectors.clone().transpose().matmul(vectors);
    let gradient = if is_wide { projector.matmul(scaled) } else { scaled.matmul(projector) };
    attach(squares.sum().mul_scalar(scale * scale), &features, gradient.mul_scalar(2.0 * scale))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::testing::{assert_close, differentiate, matrix};

    /// All of them: the squared Frobenius norm, whose gradient is twice the matrix.
    #[test]
    fn all_singular_values_make_up_the_frobenius_norm() {
        for shape in [[4, 9], [9, 4]] {
            let features = matrix(shape, 3);
            let (value, [gradient]) =
                differentiate([&features], |[f]| batch_spectral_penalization(f, 20));
            let flat = crate::testing::values(&features);
            assert_close(&[value], &[flat.iter().map(|x| x * x).sum()], 1e-5);
            let double: Vec<f64> = flat.iter().map(|x| 2.0 * x).collect();
            assert_close(&gradient, &double, 1e-4);
        }
    }

    #[test]
    fn the_largest_direction_alone_is_penalised() {
        let features =
            Tensor::from_data([[3.0, 0.0], [0.0, 1.0], [3.0, 0.0]], &Device::flex().autodiff());
        let (value, [gradient]) =
            differentiate([&features], |[f]| batch_spectral_penalization(f, 1));
        assert_close(&[value], &[18.0], 1e-6);
        assert_close(&gradient, &[6.0, 0.0, 0.0, 0.0, 6.0, 0.0], 1e-6);
    }

    #[test]
    fn zeros_huge_values_and_single_rows_are_fine_and_what_is_no_number_is_told() {
        for (factor, rows) in [(0.0, 4), (1e15, 4), (1e-15, 4), (1.0, 1)] {
            let features = matrix([rows, 3], 8).detach().mul_scalar(factor);
            let (value, [gradient]) =
                differentiate([&features], |[f]| batch_spectral_penalization(f, 2));
            assert!(value.is_finite() && gradient.iter().all(|slope| slope.is_finite()));
        }
        let broken = matrix([4, 3], 8).detach().mul_scalar(f64::NAN);
        let (value, _) = differentiate([&broken], |[f]| batch_spectral_penalization(f, 1));
        assert!(value.is_nan());
    }
}
