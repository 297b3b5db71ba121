//! Maximum mean discrepancy with one Gaussian of a given width.

use super::gaussian::Kernel;
use super::pairs::{Estimator, Layer, all_pairs};
use crate::checks::assert_domains;
use burn::tensor::Tensor;

/// Squared maximum mean discrepancy over all pairs, a row with itself included.
///
/// ```text
/// k(x, y) = exp(-|x - y|^2 / (2 sigma^2))
/// loss = mean k(s_i, s_j) + mean k(t_i, t_j) - 2 mean k(s_i, t_j)
/// ```
///
/// A V-statistic: never negative, biased upwards by about `1/rows`; at most 2. Source: Gretton et
/// al., "A kernel two-sample test", 2012, eq. 5. Peers: DomainBed, which sums over fixed widths;
/// skada's kernel is `exp(-|x - y| / sigma)`, of the unsquared distance.
///
/// # Shapes
/// - `source`: `[source rows, features]`
/// - `target`: `[target rows, features]`; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain is empty, features differ in number or `sigma` is not positive.
pub fn mmd_rbf_biased(source: Tensor<2>, target: Tensor<2>, sigma: f64) -> Tensor<1> {
    assert_domains("mmd_rbf_biased", &source, &target, 1);
    one_width(&source, &target, sigma, Estimator::Biased)
}

/// Squared maximum mean discrepancy over pairs of different rows.
///
/// As [`mmd_rbf_biased`], but means within a domain leave out pairs of a row with itself: a
/// U-statistic, unbiased, possibly negative. Source: Gretton et al., 2012, eq. 3. Peers:
/// pytorch-adapt with bandwidth `2 sigma^2`.
///
/// # Shapes
/// - `source`: `[source rows, features]`, at least 2 rows
/// - `target`: `[target rows, features]`, at least 2 rows; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain has fewer than 2 rows, features differ in number or `sigma` is not positive.
pub fn mmd_rbf_unbiased(source: Tensor<2>, target: Tensor<2>, sigma: f64) -> Tensor<1> {
    assert_domains("mmd_rbf_unbiased", &source, &target, 2);
    one_width(&source, &target, sigma, Estimator::Unbiased)
}

fn one_width(
    source: &Tensor<2>,
    target: &Tensor<2>,
    sigma: f64,
    estimator: Estimator,
) -> Tensor<1> {
    let kernel = &Kernel::Fixed { sigma };
    let layer = Layer { source, target, kernel };
    all_pairs(&[layer], estimator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, scalar};
    use burn::tensor::Device;

    #[test]
    fn kernel_is_gaussian_in_the_squared_distance() {
        let device = Device::flex();
        let source = Tensor::<2>::from_data([[0.0, 0.0]], &device);
        let target = Tensor::<2>::from_data([[3.0, 4.0]], &device);
        // Distance 5, sigma 5: exp(-1/2). Of the unsquared distance it would be exp(-1).
        let loss = scalar(&mmd_rbf_biased(source, target, 5.0));
        assert_close(&[loss], &[2.0 - 2.0 * (-0.5_f64).exp()], 1e-6);
    }

    #[test]
    #[should_panic(expected = "sigma must be positive")]
    fn refuses_a_width_of_zero() {
        let points = Tensor::<2>::ones([2, 2], &Device::flex());
        mmd_rbf_biased(points.clone(), points, 0.0);
    }
}
