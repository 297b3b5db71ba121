//! Sliced Wasserstein distance.

use crate::checks::{assert_domains, assert_equal_counts};
use burn::tensor::Tensor;

/// Mean squared difference of the sorted projections onto given directions.
///
/// Every column of `directions` is divided by its length. For one direction the result is the
/// squared Wasserstein distance of the projected rows; the loss is its mean over directions.
/// Random directions with independent normal entries are uniform on the sphere once normalised.
/// Never negative.
///
/// Source: Lee et al., "Sliced Wasserstein discrepancy", 2019; Bonneel et al., 2015.
/// Peers: pytorch-adapt draws 128 directions whatever it is asked for; here the caller draws them,
/// and their number is that of the columns.
///
/// # Shapes
/// - `source`, `target`: `[rows, features]`, equally many of both domains
/// - `directions`: `[features, directions]`, no column of zeros
/// - result: `[1]`
///
/// # Panics
/// If counts or features differ, or a domain or the directions are empty.
pub fn sliced_wasserstein(
    source: Tensor<2>,
    target: Tensor<2>,
    directions: Tensor<2>,
) -> Tensor<1> {
    assert_domains("sliced_wasserstein", &source, &target, 1);
    assert_equal_counts("sliced_wasserstein", &source, &target);
    let [_, columns] = source.dims();
    let [rows, count] = directions.dims();
    assert!(
        rows == columns && count > 0,
        "sliced_wasserstein: directions must be [{columns}, at least 1], got [{rows}, {count}]"
    );
    let lengths = directions.clone().square().sum_dim(0).sqrt();
    let directions = directions / lengths.clamp_min(1e-12);
    let source = source.matmul(directions.clone()).sort(0);
    let target = target.matmul(directions).sort(0);
    (source - target).square().mean()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, matrix, scalar};
    use burn::tensor::Device;

    #[test]
    fn uses_the_directions_it_is_given() {
        let device = Device::flex();
        let source = Tensor::<2>::from_data([[0.0, 5.0], [1.0, 5.0]], &device);
        let target = Tensor::<2>::from_data([[3.0, 5.0], [2.0, 6.0]], &device);
        let loss = |directions: Tensor<2>| {
            scalar(&sliced_wasserstein(source.clone(), target.clone(), directions))
        };
        let first = Tensor::from_data([[2.0], [0.0]], &device);
        let second = Tensor::from_data([[0.0], [-0.1]], &device);
        assert_close(&[loss(first.clone())], &[4.0], 1e-6);
        assert_close(&[loss(second.clone())], &[0.5], 1e-6);
        assert_close(&[loss(Tensor::cat(vec![first, second], 1))], &[2.25], 1e-6);
    }

    #[test]
    #[should_panic(expected = "directions must be [3, at least 1]")]
    fn refuses_directions_of_another_space() {
        sliced_wasserstein(matrix([4, 3], 1), matrix([4, 3], 2), matrix([2, 8], 3));
    }
}
