//! Density ratios that bring the means of a kernel's features together.

use isthmus_core::error::MethodError;
use isthmus_linear::kernel::{gaussian_kernel, mean_width, squared_distances};
use isthmus_linear::rows::dot;
use isthmus_linear::{LinearError, Rows};

/// Source rows at most: a matrix of all their pairs is held.
const MOST_ROWS: usize = 8000;
/// Target rows whose kernel is held at once.
const CHUNK: usize = 256;
/// Steps after which the least value has to be found.
const STEPS: usize = 20_000;
/// Steps between two looks at how far the least value can be.
const STEPS_BETWEEN: usize = 10;
/// The steps end where the value is above the least one by no more than this share of its size.
const TOLERANCE: f64 = 1e-4;

/// The density ratio at each source row that minimises
///
/// ```text
/// | 1/n_s sum_i w_i phi(s_i) - 1/n_t sum_j phi(t_j) |^2
/// 0 <= w_i <= largest,  | mean w - 1 | <= (sqrt(n_s) - 1) / sqrt(n_s)
/// ```
///
/// with the features `phi` of the kernel `exp(-gamma |x - y|^2)`. Without a `gamma` it is one over the
/// mean squared distance of two rows.
///
/// Huang, Smola, Gretton, Borgwardt, Schölkopf: Correcting sample selection bias by unlabeled data,
/// NIPS 2006. Found by accelerated projected gradients up to a bound on what is left.
///
/// # Errors
/// If there are more than 8000 source rows, or the minimum is not found.
///
/// # Panics
/// If the domains have features of different number, one has no row, or `largest` is below 1.
pub fn kernel_mean_matching_ratios(
    source: &Rows,
    target: &Rows,
    gamma: Option<f64>,
    largest: f64,
) -> Result<Vec<f64>, MethodError> {
    assert!(largest >= 1.0, "the largest ratio is 1 or above");
    let count = source.count();
    if count > MOST_ROWS {
        return Err(MethodError::Unsuitable(format!(
            "kernel mean matching holds a matrix of all pairs of source samples, of {MOST_ROWS} at \
             most; there are {count}: choose another `estimator`"
        )));
    }
    let gamma = gamma.unwrap_or_else(|| mean_width(&squared_distances(source, source)));
    let kernel = gaussian_kernel(source, source, gamma);
    let all: Vec<usize> = (0..target.count()).collect();
    let mut pull = vec![0.0; count];
    for chunk in all.chunks(CHUNK) {
        let share = chunk.len() as f64 / target.count() as f64;
        let mean = gaussian_kernel(&target.select(chunk), source, gamma).mean();
        pull.iter_mut().zip(mean).for_each(|(sum, mean)| *sum += count as f64 * share * mean);
    }
    let slack = ((count as f64).sqrt() - 1.0) * (count as f64).sqrt();
    let set = Set { largest, least: count as f64 - slack, most: count as f64 + slack };
    Ok(minimise(&kernel, &pull, &set)?)
}

/// Minimises `w' K w / 2 - pull' w` over a set (Beck, Teboulle: FISTA, 2009, started anew where the
/// value rises).
fn minimise(kernel: &Rows, pull: &[f64], set: &Set) -> Result<Vec<f64>, LinearError> {
    // No eigenvalue of a matrix without negative entries is above its largest sum of a row.
    let steepest = kernel.iter().map(|row| row.iter().sum::<f64>()).fold(0.0, f64::max);
    let slope_at = |point: &[f64]| -> Vec<f64> {
        kernel.iter().zip(pull).map(|(row, pull)| dot(row, point) - pull).collect()
    };
    let mut point = set.projected(&vec![1.0; pull.len()]);
    let mut ahead = point.clone();
    let mut momentum = 1.0_f64;
    for step in 0..STEPS {
        if step % STEPS_BETWEEN == 0 {
            let slope = slope_at(&point);
            let gap = dot(&slope, &point) - set.least_of(&slope);
            if gap <= TOLERANCE * dot(pull, &point) {
                return Ok(point);
            }
        }
        let slope = slope_at(&ahead);
        let moved: Vec<f64> = ahead.iter().zip(&slope).map(|(a, s)| a - s / steepest).collect();
        let next = set.projected(&moved);
        let change: Vec<f64> = next.iter().zip(&point).map(|(next, point)| next - point).collect();
        let further = (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt()) / 2.0;
        let share = match dot(&slope, &change) > 0.0 {
            true => 0.0,
            false => (momentum - 1.0) / further,
        };
        momentum = if share > 0.0 || momentum == 1.0 { further } else { 1.0 };
        ahead = next.iter().zip(&change).map(|(next, change)| next + share * change).collect();
        point = next;
    }
    Err(LinearError::NotConverged(format!(
        "kernel mean matching found no weights in {STEPS} steps; a larger `gamma` helps"
    )))
}

/// Ratios from 0 to `largest` with a sum from `least` to `most`.
struct Set {
    largest: f64,
    least: f64,
    most: f64,
}

impl Set {
    /// The nearest point: all moved alike and cut, as far as the sum needs.
    fn projected(&self, point: &[f64]) -> Vec<f64> {
        let moved = |by: f64| -> Vec<f64> {
            point.iter().map(|value| (value + by).clamp(0.0, self.largest)).collect()
        };
        let cut = moved(0.0);
        let sum: f64 = cut.iter().sum();
        let wanted = sum.clamp(self.least, self.most);
        if sum == wanted {
            return cut;
        }
        let (mut low, mut high) = point.iter().fold((0.0_f64, 0.0_f64), |(low, high), value| {
            (low.min(-value), high.max(self.largest - value))
        });
        // Halved until the bounds are neighbours in this precision.
        for _ in 0..100 {
            let middle = (low + high) / 2.0;
            match moved(middle).iter().sum::<f64>() < wanted {
                true => low = middle,
                false => high = middle,
            }
        }
        moved(high)
    }

    /// The least value of `slope' w` in the set.
    fn least_of(&self, slope: &[f64]) -> f64 {
        let mut slope = slope.to_vec();
        slope.sort_by(f64::total_cmp);
        let (mut value, mut sum) = (0.0, 0.0);
        for slope in slope {
            let room = if slope < 0.0 { self.most - sum } else { self.least - sum };
            let weight = room.clamp(0.0, self.largest);
            value += slope * weight;
            sum += weight;
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use isthmus_testing::{SMALL_SOURCE, SMALL_TARGET};

    use super::*;

    #[test]
    fn a_point_is_brought_into_the_set_by_hand() {
        let set = Set { largest: 2.0, least: 2.0, most: 4.0 };
        assert_eq!(set.projected(&[1.0, 2.0]), [1.0, 2.0]);
        let near = |found: Vec<f64>, want: &[f64]| {
            assert!(found.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        };
        near(set.projected(&[-1.0, 0.0]), &[0.5, 1.5]);
        near(set.projected(&[9.0, 1.0, 1.0, 1.0]), &[2.0, 2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0]);
        assert_eq!(set.least_of(&[-1.0, 3.0, -2.0]), -6.0);
        assert_eq!(set.least_of(&[1.0, 3.0]), 2.0);
    }

    /// What the gap in `minimise` bounds, held against small moves that stay in the set.
    #[test]
    fn no_move_within_the_set_makes_the_value_less() {
        let source = Rows::new(1, (0..12).map(|row| f64::from(row) / 4.0).collect());
        let target = Rows::new(1, vec![2.0, 2.2, 2.4, 2.6]);
        let found = kernel_mean_matching_ratios(&source, &target, Some(1.0), 3.0).unwrap();
        let kernel = |a: &Rows, b: &Rows| gaussian_kernel(a, b, 1.0);
        let (own, across) = (kernel(&source, &source), kernel(&source, &target));
        let value = |w: &[f64]| -> f64 {
            let quadratic: f64 = own.iter().zip(w).map(|(row, x)| x * dot(row, w)).sum();
            let linear: f64 =
                across.iter().zip(w).map(|(row, x)| x * row.iter().sum::<f64>()).sum();
            quadratic / 144.0 - 2.0 * linear / 48.0
        };
        let least = value(&found);
        for from in 0..12 {
            for to in 0..12 {
                let mut moved = found.clone();
                let by = 0.05_f64.min(moved[from]).min(3.0 - moved[to]);
                moved[from] -= by;
                moved[to] += by;
                assert!(value(&moved) >= least - 1e-4, "{from} {to}: {} {least}", value(&moved));
            }
        }
        assert!(found[..4].iter().all(|ratio| *ratio < 0.1), "{found:?}");
        assert!(found.iter().all(|ratio| (0.0..=3.0).contains(ratio)));
    }

    #[test]
    fn the_ratios_are_those_of_skada() {
        let (source, target) =
            (Rows::new(3, SMALL_SOURCE.concat()), Rows::new(3, SMALL_TARGET.concat()));
        let found = kernel_mean_matching_ratios(&source, &target, Some(0.5), 3.0).unwrap();
        let peers = [0.0, 1.239836, 0.699475, 0.641183, 0.0, 1.045015];
        let near = found.iter().zip(peers).all(|(a, b)| (a - b).abs() < 0.02);
        assert!(near, "{found:?}, peers {peers:?}");
    }

    #[test]
    fn equal_domains_single_rows_and_too_many() {
        let rows = Rows::new(1, (0..20).map(f64::from).collect());
        let found = kernel_mean_matching_ratios(&rows, &rows, None, 10.0).unwrap();
        assert!(found.iter().all(|ratio| (ratio - 1.0).abs() < 1e-9), "{found:?}");
        let one = rows.select(&[3]);
        assert_eq!(kernel_mean_matching_ratios(&one, &rows, None, 10.0).unwrap(), [1.0]);
        let same = Rows::new(1, vec![4.0; 9]);
        let found = kernel_mean_matching_ratios(&same, &rows, None, 10.0).unwrap();
        assert!(found.iter().all(|ratio| ratio.is_finite()), "{found:?}");
        let many = Rows::new(1, vec![0.0; MOST_ROWS + 1]);
        let error = kernel_mean_matching_ratios(&many, &rows, None, 10.0).unwrap_err().to_string();
        assert!(error.contains("8000 at most; there are 8001"), "{error}");
    }
}
