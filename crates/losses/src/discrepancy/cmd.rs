//! Central moment discrepancy (CMD).

use crate::checks::assert_domains;
use burn::tensor::Tensor;

/// Smaller squared norms have no gradient, where the root's would be infinite.
const SMALLEST_SQUARE: f64 = 1e-20;

/// Sum of the distances of the means and of the central moments of every feature:
///
/// ```text
/// |m_s - m_t| / span + sum_{k=2}^{moments} |c_k(s) - c_k(t)| / span^k
/// c_k(x) = mean_i (x_i - m_x)^k for each feature
/// ```
///
/// `span` is the length `b - a` of the interval that features lie in; it keeps higher moments from
/// growing or vanishing. Never negative. Equal moments, where a norm has no gradient, are given
/// none.
///
/// Source: Zellinger et al., "Central moment discrepancy (CMD) for domain-invariant representation
/// learning", 2017, definition 2, with `moments = 5`.
///
/// # Shapes
/// - `source`: `[source rows, features]`
/// - `target`: `[target rows, features]`; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain is empty, features differ in number, `moments` is 0 or `span` is not positive.
pub fn cmd(source: Tensor<2>, target: Tensor<2>, moments: usize, span: f64) -> Tensor<1> {
    assert_domains("cmd", &source, &target, 1);
    assert!(moments > 0, "cmd: needs at least one moment");
    assert!(span > 0.0, "cmd: the span must be positive, got {span}");
    let [source, target] = [source, target].map(|rows| rows.div_scalar(span));
    let [source_mean, target_mean] = [&source, &target].map(|rows| rows.clone().mean_dim(0));
    let source = source - source_mean.clone();
    let target = target - target_mean.clone();
    let mut sum = norm(source_mean - target_mean);
    let (mut source_power, mut target_power) = (source.clone(), target.clone());
    for _ in 2..=moments {
        source_power = source_power * source.clone();
        target_power = target_power * target.clone();
        sum = sum + norm(source_power.clone().mean_dim(0) - target_power.clone().mean_dim(0));
    }
    sum
}

/// The Euclidean norm, without a gradient at zero.
fn norm(row: Tensor<2>) -> Tensor<1> {
    let square = row.square().sum();
    let counts = square.clone().inner().greater_elem(SMALLEST_SQUARE).float();
    square.clamp_min(SMALLEST_SQUARE).sqrt() * Tensor::from_inner(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, scalar, values};

    /// The definition, feature by feature, in 64-bit arithmetic.
    fn direct(source: &Tensor<2>, target: &Tensor<2>, moments: i32, span: f64) -> f64 {
        let columns = source.dims()[1];
        let [source, target] = [source, target].map(values);
        let moment = |values: &[f64], column: usize, order: i32| {
            let column: Vec<f64> = values.iter().skip(column).step_by(columns).copied().collect();
            let mean = column.iter().sum::<f64>() / column.len() as f64;
            if order == 1 {
                return mean;
            }
            column.iter().map(|value| (value - mean).powi(order)).sum::<f64>() / column.len() as f64
        };
        let distance = |order: i32| {
            let squares = (0..columns).map(|column| {
                (moment(&source, column, order) - moment(&target, column, order)).powi(2)
            });
            squares.sum::<f64>().sqrt() / span.powi(order)
        };
        (1..=moments).map(distance).sum()
    }

    #[test]
    fn equals_the_definition_and_its_gradient_the_differences() {
        let (source, target) = (matrix([5, 3], 1), matrix([8, 3], 2).mul_scalar(1.5));
        for (moments, span) in [(1, 1.0), (2, 0.5), (5, 3.0)] {
            let got = scalar(&cmd(source.clone(), target.clone(), moments, span));
            assert_close(&[got], &[direct(&source, &target, moments as i32, span)], 1e-5);
        }
        let (_, [gradient, _]) = differentiate([&source, &target], |[s, t]| cmd(s, t, 5, 2.0));
        let start = values(&source);
        for index in 0..start.len() {
            let at = |change: f64| {
                let mut moved: Vec<f32> = start.iter().map(|value| *value as f32).collect();
                moved[index] = (start[index] + change) as f32;
                let data = burn::tensor::TensorData::new(moved, [5, 3]);
                direct(&Tensor::from_data(data, &source.device()), &target, 5, 2.0)
            };
            let want = (at(1e-3) - at(-1e-3)) / 2e-3;
            assert!((gradient[index] - want).abs() < 2e-3, "{}, {want}", gradient[index]);
        }
    }

    #[test]
    fn equal_domains_are_at_distance_zero_and_have_a_finite_gradient() {
        let rows = matrix([4, 3], 3);
        let (value, gradients) = differentiate([&rows, &rows], |[s, t]| cmd(s, t, 5, 1.0));
        assert_eq!(value, 0.0);
        assert!(gradients.iter().flatten().all(|slope| slope.is_finite()));
        let one = rows.narrow(0, 0, 1);
        let (value, gradients) = differentiate([&one, &one], |[s, t]| cmd(s, t, 5, 1.0));
        assert!(value == 0.0 && gradients.iter().flatten().all(|slope| slope.is_finite()));
    }
}
