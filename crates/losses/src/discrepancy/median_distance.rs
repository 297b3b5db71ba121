//! The median heuristic for the width of a kernel.

use crate::checks::assert_domains;
use burn::tensor::Tensor;

/// The smallest width: where more than half of the pairs are equal the median is 0.
const SMALLEST: f64 = 1e-15;

/// Median distance `|x - y|` over all pairs of different rows of both domains together.
///
/// Computed on the host in 64-bit arithmetic, without a gradient. Above 0, whatever the rows are;
/// of an even number of pairs the upper of the two in the middle.
///
/// Source: Gretton et al., "A kernel two-sample test", 2012, section 8. Peers: pytorch-adapt takes
/// the median of the squared distances over source pairs alone, pairs of a row with itself
/// included.
///
/// # Shapes
/// - `source`: `[source rows, features]`
/// - `target`: `[target rows, features]`; counts may differ
///
/// # Panics
/// If a domain is empty or features differ in number.
pub fn median_distance(source: &Tensor<2>, target: &Tensor<2>) -> f64 {
    assert_domains("median_distance", source, target, 1);
    let columns = source.dims()[1];
    let mut values: Vec<f64> = source.to_data().iter::<f64>().collect();
    values.extend(target.to_data().iter::<f64>());
    let rows: Vec<&[f64]> = values.chunks(columns.max(1)).collect();
    let mut squares = Vec::with_capacity(rows.len() * (rows.len() - 1) / 2);
    for (index, row) in rows.iter().enumerate() {
        let square = |other: &&[f64]| -> f64 {
            row.iter().zip(*other).map(|(a, b)| (a - b) * (a - b)).sum()
        };
        squares.extend(rows[index + 1..].iter().map(square));
    }
    let middle = squares.len() / 2;
    let (_, median, _) = squares.select_nth_unstable_by(middle, f64::total_cmp);
    median.sqrt().max(SMALLEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn it_is_over_pairs_of_both_domains_and_not_squared() {
        let device = Device::flex();
        let source = Tensor::<2>::from_data([[0.0, 0.0], [3.0, 4.0]], &device);
        let target = Tensor::<2>::from_data([[0.0, 1.0]], &device);
        // Distances 5, 1 and 3 sqrt(2).
        assert!((median_distance(&source, &target) - 18.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn equal_rows_have_a_width_above_zero() {
        let points = Tensor::<2>::ones([3, 2], &Device::flex());
        assert!(median_distance(&points, &points) > 0.0);
    }
}
