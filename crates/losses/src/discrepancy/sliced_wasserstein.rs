//! Sliced Wasserstein distance.

use crate::checks::assert_domains;
use burn::tensor::{Int, Tensor, TensorData};

/// Mean squared Wasserstein distance of the rows' projections onto given directions.
///
/// Every column of `directions` is divided by its length. On a line the best plan matches rows in
/// sorted order; where counts differ it matches quantiles, so that a row may be shared among
/// several. The loss is the mean over directions of `sum_k w_k (s_(i_k) - t_(j_k))^2`. Random
/// directions with independent normal entries are uniform on the sphere once normalised. Never
/// negative.
///
/// Source: Lee et al., "Sliced Wasserstein discrepancy", 2019; Bonneel et al., 2015.
/// Peers: pytorch-adapt draws 128 directions whatever it is asked for and needs equal counts; here
/// the caller draws them, and their number is that of the columns. POT has unequal counts too.
///
/// # Shapes
/// - `source`: `[source rows, features]`
/// - `target`: `[target rows, features]`; counts may differ
/// - `directions`: `[features, directions]`, no column of zeros
/// - result: `[1]`
///
/// # Panics
/// If features differ in number, or a domain or the directions are empty.
pub fn sliced_wasserstein(
    source: Tensor<2>,
    target: Tensor<2>,
    directions: Tensor<2>,
) -> Tensor<1> {
    assert_domains("sliced_wasserstein", &source, &target, 1);
    let [source_rows, columns] = source.dims();
    let target_rows = target.dims()[0];
    let [rows, count] = directions.dims();
    assert!(
        rows == columns && count > 0,
        "sliced_wasserstein: directions must be [{columns}, at least 1], got [{rows}, {count}]"
    );
    let lengths = directions.clone().square().sum_dim(0).sqrt();
    let directions = directions / lengths.clamp_min(1e-12);
    let source = source.matmul(directions.clone()).sort(0);
    let target = target.matmul(directions).sort(0);
    if source_rows == target_rows {
        return (source - target).square().mean();
    }
    let device = source.device();
    let Matches { source: own, target: other, shares } = Matches::new(source_rows, target_rows);
    let steps = shares.len();
    let index =
        |rows: Vec<i64>| Tensor::<1, Int>::from_data(TensorData::new(rows, [steps]), &device);
    let shares = Tensor::<2>::from_data(TensorData::new(shares, [steps, 1]), &device);
    let differences = source.select(0, index(own)) - target.select(0, index(other));
    (differences.square() * shares).sum().div_scalar(count as f64)
}

/// The best plan between two sorted lists of equally heavy points.
struct Matches {
    source: Vec<i64>,
    target: Vec<i64>,
    /// The mass of each match; in all 1.
    shares: Vec<f32>,
}

impl Matches {
    fn new(source_rows: usize, target_rows: usize) -> Self {
        let mut matches = Self { source: Vec::new(), target: Vec::new(), shares: Vec::new() };
        let whole = source_rows * target_rows;
        let mut done = 0;
        while done < whole {
            // In units of 1 / whole a source row weighs `target_rows`, and the other way round.
            let (own, other) = (done / target_rows, done / source_rows);
            let end = ((own + 1) * target_rows).min((other + 1) * source_rows);
            matches.source.push(own as i64);
            matches.target.push(other as i64);
            matches.shares.push((end - done) as f32 / whole as f32);
            done = end;
        }
        matches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, scalar};
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
    fn unequal_counts_match_quantiles() {
        let device = Device::flex();
        let line = Tensor::<2>::ones([1, 1], &device);
        let points = |values: &[f32]| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), [values.len(), 1]), &device)
        };
        let loss =
            |s: &[f32], t: &[f32]| scalar(&sliced_wasserstein(points(s), points(t), line.clone()));
        // Halves against thirds: 1/3 at 0-0, 1/6 at 0-3, 1/6 at 6-3, 1/3 at 6-6.
        assert_close(&[loss(&[6.0, 0.0], &[3.0, 6.0, 0.0])], &[9.0 / 3.0], 1e-6);
        // A single row is where all mass goes.
        assert_close(&[loss(&[1.0], &[0.0, 3.0])], &[2.5], 1e-6);
        // Rows that are repeated weigh no more than before.
        let (few, many) = ([0.3, -1.0, 2.0], [0.5, 0.7]);
        let twice = [0.3, 2.0, -1.0, -1.0, 0.3, 2.0];
        assert_close(&[loss(&twice, &many)], &[loss(&few, &many)], 1e-6);
        assert_close(&[loss(&few, &twice)], &[0.0], 1e-6);
    }

    #[test]
    fn equal_rows_have_a_finite_gradient() {
        let rows = Tensor::<2>::ones([5, 3], &Device::flex().autodiff());
        let fewer = rows.clone().narrow(0, 0, 2);
        let directions = matrix([3, 4], 3).inner();
        let (value, gradients) =
            differentiate([&rows, &fewer], |[s, t]| sliced_wasserstein(s, t, directions.clone()));
        assert_eq!(value, 0.0);
        assert!(gradients.iter().flatten().all(|slope| slope.is_finite()));
    }

    #[test]
    #[should_panic(expected = "directions must be [3, at least 1]")]
    fn refuses_directions_of_another_space() {
        sliced_wasserstein(matrix([4, 3], 1), matrix([4, 3], 2), matrix([2, 8], 3));
    }
}
