//! Wasserstein distance guided representation learning.

use burn::tensor::Tensor;

use crate::checks::assert_not_empty;

/// How much higher a critic values source than target rows: `mean_i D(s_i) - mean_j D(t_j)`.
///
/// The critic maximises it; as far as its slope is 1 at most, that is the Wasserstein-1 distance of
/// the domains, which the features minimise.
///
/// Source: Shen, Qu, Zhang, Yu, "Wasserstein distance guided representation learning for domain
/// adaptation", AAAI 2018, eq. 2.
///
/// # Shapes
/// - `source`: `[source rows, 1]`, `target`: `[target rows, 1]`; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain is empty.
pub fn wasserstein_estimate(source: Tensor<2>, target: Tensor<2>) -> Tensor<1> {
    assert_not_empty("wasserstein_estimate", &source);
    assert_not_empty("wasserstein_estimate", &target);
    source.mean() - target.mean()
}

/// How far a critic's slope is from 1: `mean_i (|g_i| - 1)^2` of its gradients `g_i` with respect to
/// the features of each row.
///
/// The norm is that of a row's whole gradient; one published code takes it of each feature by
/// itself. A row without a slope, where no hidden unit is active, counts 1 and has no gradient; the
/// authors' code gives NaN there.
///
/// Source: Shen, Qu, Zhang, Yu, "Wasserstein distance guided representation learning for domain
/// adaptation", AAAI 2018, eq. 3; Gulrajani et al., "Improved training of Wasserstein GANs", 2017.
///
/// # Shapes
/// - `gradients`: `[rows, features]`
/// - result: `[1]`, at least 0
///
/// # Panics
/// If there is no row.
pub fn gradient_penalty(gradients: Tensor<2>) -> Tensor<1> {
    assert_not_empty("gradient_penalty", &gradients);
    let squares = gradients.square().sum_dim(1);
    let is_flat = squares.clone().lower_equal_elem(f64::from(f32::MIN_POSITIVE));
    // The root has an infinite slope at 0, which not even a factor of 0 takes away.
    let lengths = squares.mask_fill(is_flat.clone(), 1.0).sqrt().mask_fill(is_flat, 0.0);
    lengths.sub_scalar(1.0).square().mean()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::testing::{assert_close, differentiate};

    /// adapt takes the norm over an empty list of axes for rows of features: each feature would be
    /// asked for a slope of 1.
    #[test]
    fn the_norm_is_that_of_the_whole_row() {
        let rows = Tensor::from_data([[0.6, 0.8], [0.0, -1.0]], &Device::flex().autodiff());
        let (value, [gradient]) = differentiate([&rows], |[g]| gradient_penalty(g));
        assert!(value < 1e-12, "{value}");
        assert!(gradient.iter().all(|slope| slope.abs() < 1e-6));
        let (value, _) = differentiate([&rows], |[g]| gradient_penalty(g.mul_scalar(3.0)));
        assert_close(&[value], &[4.0], 1e-6);
    }

    /// The authors' code gives NaN where no hidden unit is active.
    #[test]
    fn a_row_without_slope_has_a_finite_penalty_and_no_gradient() {
        let rows = Tensor::from_data([[0.0, 0.0], [2.0, 0.0]], &Device::flex().autodiff());
        let (value, [gradient]) = differentiate([&rows], |[g]| gradient_penalty(g));
        assert_close(&[value], &[1.0], 1e-6);
        assert_close(&gradient, &[0.0, 0.0, 1.0, 0.0], 1e-6);
    }
}
