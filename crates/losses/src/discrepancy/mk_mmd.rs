//! Maximum mean discrepancy with several Gaussian widths (DAN).

use super::gaussian::Kernel;
use super::pairs::{Estimator, Layer, all_pairs, ring};
use crate::checks::{assert_domains, assert_equal_counts};
use burn::tensor::Tensor;

/// The five kernel widths of DAN, as factors of the mean squared distance.
///
/// `exp(-|x - y|^2 / (2 a m))` with `a` from 1/8 to 2: the same kernels as the "five kernels,
/// factor two" of other codes, which divide by `m/4` to `4m`.
pub const DAN_WIDTHS: [f64; 5] = [0.125, 0.25, 0.5, 1.0, 2.0];

/// Squared maximum mean discrepancy over all pairs of rows, with a kernel of several widths.
///
/// ```text
/// K(x, y) = sum_a exp(-|x - y|^2 / (2 a m))
/// loss = mean_{i != j} K(s_i, s_j) + mean_{i != j} K(t_i, t_j) - 2 mean_{i, j} K(s_i, t_j)
/// ```
///
/// `m` is the mean of the squared distances over all ordered pairs of the joint batch (a row with
/// itself included), computed anew for each batch and constant in the gradient. The estimate is
/// unbiased (a U-statistic), so it may be negative; between -2 and 2 for each width.
///
/// Source: Long et al., "Learning transferable features with deep adaptation networks", 2015;
/// Gretton et al., 2012, eq. 3. Peers: tllib has the same kernel, demands equal counts
/// and adds a constant, see [`mk_mmd_offset`]. pytorch-adapt takes the median over source pairs
/// instead of the mean; skada does not square the distance, which is another kernel.
///
/// # Shapes
/// - `source`: `[source rows, features]`, at least 2 rows
/// - `target`: `[target rows, features]`, at least 2 rows; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain has fewer than 2 rows, features differ in number or a width is not positive.
pub fn mk_mmd_quadratic(source: Tensor<2>, target: Tensor<2>, widths: &[f64]) -> Tensor<1> {
    assert_domains("mk_mmd_quadratic", &source, &target, 2);
    let layer =
        Layer { source: &source, target: &target, kernel: &Kernel::MeanDistance(widths.to_vec()) };
    all_pairs(&[layer], Estimator::Unbiased)
}

/// The linear-time estimate of the discrepancy of [`mk_mmd_quadratic`], over a ring of pairs.
///
/// ```text
/// loss = 1/n sum_i [K(s_i, s_i+) + K(t_i, t_i+) - K(s_i, t_i+) - K(s_i+, t_i)],  i+ = i + 1 mod n
/// ```
///
/// The kernel and its width are those of [`mk_mmd_quadratic`]; the width too is computed in linear
/// time. Unbiased, with a larger variance.
///
/// Source: Long et al., 2015; Gretton et al., 2012, section 6. Peers: tllib has this ring
/// (and uses it by default for DAN); pytorch-adapt and the paper take disjoint pairs
/// `(2i, 2i + 1)`.
///
/// # Shapes
/// - `source`, `target`: `[rows, features]`, at least 2 rows, equally many of both domains
/// - result: `[1]`
///
/// # Panics
/// If counts or features differ, a domain has fewer than 2 rows or a width is not positive.
pub fn mk_mmd_linear(source: Tensor<2>, target: Tensor<2>, widths: &[f64]) -> Tensor<1> {
    assert_domains("mk_mmd_linear", &source, &target, 2);
    assert_equal_counts("mk_mmd_linear", &source, &target);
    let layer =
        Layer { source: &source, target: &target, kernel: &Kernel::MeanDistance(widths.to_vec()) };
    ring(&[layer])
}

/// The constant that tllib adds to its discrepancies of `rows` rows a domain: `2 / (rows - 1)`.
///
/// Only for comparing values with tllib. It has no gradient, and it makes up for the missing
/// diagonal of one kernel while there are five, so the sum can be negative all the same.
///
/// # Panics
/// If `rows` is less than 2.
pub fn mk_mmd_offset(rows: usize) -> f64 {
    assert!(rows >= 2, "mk_mmd_offset: needs at least 2 rows, got {rows}");
    2.0 / (rows - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, scalar, values};
    use burn::tensor::{Device, Tensor};

    /// The formula in 64-bit arithmetic, pair by pair.
    fn direct(source: &[f64], target: &[f64], columns: usize) -> f64 {
        let source: Vec<&[f64]> = source.chunks(columns).collect();
        let target: Vec<&[f64]> = target.chunks(columns).collect();
        let squared =
            |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum() };
        let joint = [source.clone(), target.clone()].concat();
        let mut mean = 0.0;
        for a in &joint {
            mean += joint.iter().map(|b| squared(a, b)).sum::<f64>();
        }
        mean /= (joint.len() * joint.len()) as f64;
        let kernel = |a: &[f64], b: &[f64]| -> f64 {
            DAN_WIDTHS.iter().map(|width| (-squared(a, b) / (2.0 * width * mean)).exp()).sum()
        };
        let within = |rows: &[&[f64]]| -> f64 {
            let mut sum = 0.0;
            for (i, a) in rows.iter().enumerate() {
                for (j, b) in rows.iter().enumerate() {
                    sum += if i == j { 0.0 } else { kernel(a, b) };
                }
            }
            sum / (rows.len() * (rows.len() - 1)) as f64
        };
        let mut between = 0.0;
        for a in &source {
            between += target.iter().map(|b| kernel(a, b)).sum::<f64>();
        }
        within(&source) + within(&target) - 2.0 * between / (source.len() * target.len()) as f64
    }

    #[test]
    fn counts_may_differ() {
        let source = matrix([7, 4], 1).inner().mul_scalar(2.0).add_scalar(0.5);
        let target = matrix([12, 4], 2);
        let want = direct(&values(&source), &values(&target), 4);
        let got = mk_mmd_quadratic(source, target, &DAN_WIDTHS);
        assert_close(&[scalar(&got)], &[want], 1e-5);
    }

    #[test]
    fn is_exact_far_from_the_origin() {
        // Differences of large coordinates lose digits unless the batch is centred first.
        let source = matrix([20, 8], 3).inner();
        let target = matrix([20, 8], 4).inner().add_scalar(0.5);
        let near = scalar(&mk_mmd_quadratic(source.clone(), target.clone(), &DAN_WIDTHS));
        let far = mk_mmd_quadratic(source.add_scalar(64.0), target.add_scalar(64.0), &DAN_WIDTHS);
        assert_close(&[scalar(&far)], &[near], 1e-4);
    }

    #[test]
    fn distance_is_squared() {
        // Sides 4 and 3, diagonal 5: a kernel of the distance itself would see 4, 3 and 5.
        let device = Device::flex();
        let source = Tensor::<2>::from_data([[0.0, 0.0], [4.0, 0.0]], &device);
        let target = Tensor::<2>::from_data([[0.0, 3.0], [4.0, 3.0]], &device);
        let want = direct(&values(&source), &values(&target), 2);
        let got = scalar(&mk_mmd_quadratic(source, target, &DAN_WIDTHS));
        assert_close(&[got], &[want], 1e-6);
        let mean = (4.0 * 16.0 + 4.0 * 9.0 + 4.0 * 25.0) / 16.0;
        let k = |squared: f64| -> f64 {
            DAN_WIDTHS.iter().map(|a| (-squared / (2.0 * a * mean)).exp()).sum()
        };
        assert_close(&[want], &[2.0 * k(16.0) - (k(9.0) + k(25.0))], 1e-9);
    }

    #[test]
    fn identical_points_have_no_discrepancy_and_no_gradient() {
        let points = Tensor::<2>::ones([4, 3], &Device::flex().autodiff());
        for loss in [mk_mmd_quadratic, mk_mmd_linear] {
            let (value, gradients) = differentiate([&points, &points], |[source, target]| {
                loss(source, target, &DAN_WIDTHS)
            });
            assert_eq!(value, 0.0);
            assert!(gradients.concat().iter().all(|gradient| *gradient == 0.0));
        }
    }

    #[test]
    fn gradient_follows_the_upstream_factor_and_the_other_domain_may_be_constant() {
        let (source, target) = (matrix([5, 3], 5), matrix([6, 3], 6));
        let (_, [both, _]) = differentiate([&source, &target], |[source, target]| {
            mk_mmd_quadratic(source, target, &DAN_WIDTHS)
        });
        let (_, [scaled]) = differentiate([&source], |[source]| {
            mk_mmd_quadratic(source, target.clone().inner(), &DAN_WIDTHS).mul_scalar(-2.0)
        });
        let want: Vec<f64> = both.iter().map(|value| -2.0 * value).collect();
        assert_close(&scaled, &want, 1e-6);
    }

    #[test]
    fn a_plain_tensor_needs_no_autodiff() {
        let (source, target) = (matrix([5, 3], 5), matrix([5, 3], 6));
        let tracked = mk_mmd_quadratic(source.clone(), target.clone(), &DAN_WIDTHS);
        let plain = mk_mmd_quadratic(source.inner(), target.inner(), &DAN_WIDTHS);
        assert!(tracked.is_tracked() && !plain.is_autodiff());
        assert_eq!(scalar(&tracked), scalar(&plain));
    }

    #[test]
    fn the_offset_of_tllib_does_not_keep_the_ring_from_being_negative() {
        // Neighbours on the ring far apart, the other domain's neighbour close by.
        let device = Device::flex();
        let points = |first: f64, second: f64| {
            let rows: Vec<f64> = (0..8).map(|row| [first, second][row % 2]).collect();
            Tensor::<1>::from_floats(rows.as_slice(), &device).reshape([8, 1])
        };
        let (source, target) = (points(0.0, 1.0), points(1.0, 0.0));
        let loss = scalar(&mk_mmd_linear(source, target, &DAN_WIDTHS));
        assert!(loss + mk_mmd_offset(8) < 0.0);
    }

    #[test]
    #[should_panic(expected = "at least 2 rows of each domain, got 1 source")]
    fn refuses_a_single_row() {
        mk_mmd_quadratic(matrix([1, 3], 1), matrix([4, 3], 1), &DAN_WIDTHS);
    }

    #[test]
    #[should_panic(expected = "equally many rows")]
    fn the_ring_refuses_different_counts() {
        mk_mmd_linear(matrix([3, 3], 1), matrix([4, 3], 1), &DAN_WIDTHS);
    }
}
