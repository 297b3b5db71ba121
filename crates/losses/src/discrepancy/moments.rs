//! Moment distance of several domains (M3SDA).

use crate::checks::assert_domains;
use crate::closed_form::attach;
use burn::tensor::Tensor;

/// Distance of the first `orders` moments of several domains, each pair of them:
///
/// ```text
/// d_k(a, b) = | mean_i a_i^k - mean_i b_i^k |       (powers by feature, not centred)
/// loss = sum_k [ mean of d_k(source, target) over the sources
///              + mean of d_k(source, source') over the pairs of sources ]
/// ```
///
/// The target is the last domain; with one source there are no pairs of sources. The gradient of a
/// distance is its direction, and 0 where the distance is 0.
///
/// Source: Peng et al., "Moment matching for multi-source domain adaptation", 2019, definition 1.
/// Peers: the authors' code subtracts the means first, so that its first moments say nothing: it
/// compares centred rows one by one, for which batches have to be equal, and counts one pair of
/// sources twice and another never. Here moments are the paper's.
///
/// # Shapes
/// - `domains`: `[rows, features]` each, at least two; counts may differ
/// - result: `[1]`, at least 0
///
/// # Panics
/// If there are fewer than two domains, one is empty, features differ in number or `orders` is 0.
pub fn moment_distance(domains: &[Tensor<2>], orders: u32) -> Tensor<1> {
    let Some((target, sources)) = domains.split_last().filter(|(_, sources)| !sources.is_empty())
    else {
        panic!("moment_distance: needs at least two domains, got {}", domains.len());
    };
    assert!(orders > 0, "moment_distance: needs at least one order");
    for source in sources {
        assert_domains("moment_distance", source, target, 1);
    }
    let pairs = (sources.len() * (sources.len() - 1) / 2).max(1) as f64;
    let mut loss = Tensor::zeros([1], &target.device().inner());
    let mut powers = domains.to_vec();
    for order in 1..=orders {
        if order > 1 {
            powers =
                powers.into_iter().zip(domains).map(|(power, rows)| power * rows.clone()).collect();
        }
        let moments: Vec<Tensor<2>> = powers.iter().map(|rows| rows.clone().mean_dim(0)).collect();
        for (place, moment) in moments.iter().enumerate() {
            let share = if place < sources.len() { pairs } else { sources.len() as f64 };
            for other in &moments[..place] {
                loss = loss + distance(other, moment).div_scalar(share);
            }
        }
    }
    loss
}

/// The length of the difference of two rows; its gradient is a number at 0 as well.
fn distance(one: &Tensor<2>, other: &Tensor<2>) -> Tensor<1> {
    let difference = one.clone() - other.clone();
    let value = difference.clone().inner();
    let length = value.clone().square().sum().sqrt();
    let direction = value / length.clone().clamp_min(f64::from(f32::MIN_POSITIVE)).unsqueeze::<2>();
    attach(length, &difference, direction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, scalar, values};
    use burn::tensor::{Device, TensorData};

    fn rows<const N: usize>(values: [[f32; 2]; N]) -> Tensor<2> {
        Tensor::from_data(values, &Device::flex())
    }

    /// Means (1, 2), (4, 6) and (1, 2); of squares (2, 4), (16, 36) and (1, 4).
    #[test]
    fn the_value_is_the_one_worked_out_by_hand_for_unequal_batches() {
        let first = rows([[0.0, 2.0], [2.0, 2.0]]);
        let second = rows([[4.0, 6.0]]);
        let target = rows([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]);
        let to_target = |k: f64, l: f64| (k + l) / 2.0;
        let squares = [1.0, (15.0_f64.powi(2) + 32.0_f64.powi(2)).sqrt()];
        let between = (14.0_f64.powi(2) + 32.0_f64.powi(2)).sqrt();
        let want = to_target(0.0, 5.0) + 5.0 + to_target(squares[0], squares[1]) + between;
        let got = scalar(&moment_distance(&[first.clone(), second, target.clone()], 2));
        assert_close(&[got], &[want], 1e-5);
        let pair = scalar(&moment_distance(&[first, target], 2));
        assert_close(&[pair], &[1.0], 1e-5);
    }

    /// The authors' code centres the rows first.
    #[test]
    fn a_shift_of_the_mean_counts_in_the_first_moment() {
        let source = matrix([5, 3], 1);
        let moved = source.clone().add_scalar(2.0);
        let distance = scalar(&moment_distance(&[source, moved], 1));
        assert_close(&[distance], &[2.0 * 3.0_f64.sqrt()], 1e-5);
    }

    #[test]
    fn the_gradient_is_the_change_of_the_value() {
        let domains = [matrix([4, 2], 1), matrix([3, 2], 2), matrix([5, 2], 3).add_scalar(0.5)];
        let inputs = [&domains[0], &domains[1], &domains[2]];
        let (_, gradients) = differentiate(inputs, |domains| moment_distance(&domains, 3));
        for (place, gradient) in gradients.iter().enumerate() {
            let start = values(&domains[place]);
            for index in 0..start.len() {
                let at = |change: f64| {
                    let mut moved: Vec<f32> = start.iter().map(|value| *value as f32).collect();
                    moved[index] = (start[index] + change) as f32;
                    let shape = domains[place].dims();
                    let mut all = domains.clone();
                    all[place] =
                        Tensor::from_data(TensorData::new(moved, shape), &all[place].device());
                    scalar(&moment_distance(&all, 3))
                };
                let want = (at(1e-2) - at(-1e-2)) / 2e-2;
                assert!((gradient[index] - want).abs() < 2e-3, "{} and {want}", gradient[index]);
            }
        }
    }

    #[test]
    fn equal_domains_and_single_rows_have_a_finite_gradient() {
        let point = matrix([1, 3], 4);
        let same = point.clone().repeat_dim(0, 5);
        let (value, gradients) =
            differentiate([&point, &same, &point], |domains| moment_distance(&domains, 2));
        assert!(value.abs() < 1e-6);
        assert!(gradients.iter().flatten().all(|slope| slope.is_finite()));
    }
}
