//! Wilcoxon's signed-rank test.

use statrs::distribution::{ContinuousCDF, Normal};

use super::average_ranks;

/// The largest number of differences whose exact distribution is used.
const EXACT: usize = 25;

/// The two-sided p-value of Wilcoxon's signed-rank test that paired differences are symmetric
/// about zero; `None` where none differs from zero.
///
/// Differences of zero are left out. Up to 25 differences without ties among their sizes have the
/// exact distribution; others the normal approximation, with corrections for ties and for
/// continuity. These are `method="exact"`, and `method="approx"` with `correction=True`, of
/// `scipy.stats.wilcoxon`.
pub fn wilcoxon_signed_rank(differences: &[f64]) -> Option<f64> {
    let differences: Vec<f64> =
        differences.iter().copied().filter(|&difference| difference != 0.0).collect();
    if differences.is_empty() || differences.iter().any(|difference| difference.is_nan()) {
        return None;
    }
    let sizes: Vec<f64> = differences.iter().map(|difference| difference.abs()).collect();
    let ranks = average_ranks(&sizes);
    let positive: f64 = differences
        .iter()
        .zip(&ranks)
        .filter(|(difference, _)| **difference > 0.0)
        .map(|(_, rank)| rank)
        .sum();
    let ties = tied(&sizes);
    if differences.len() <= EXACT && ties.is_empty() {
        Some(exact(differences.len(), positive))
    } else {
        approximate(differences.len() as f64, positive, &ties)
    }
}

/// Sizes of the groups of equal values that have more than one.
fn tied(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
        .chunk_by(|a, b| a == b)
        .filter(|group| group.len() > 1)
        .map(|group| group.len() as f64)
        .collect()
}

/// All signs are equally likely: the number of ways to reach each rank sum, by adding one rank
/// after the other.
fn exact(number: usize, positive: f64) -> f64 {
    let total = number * (number + 1) / 2;
    let mut ways = vec![0.0_f64; total + 1];
    ways[0] = 1.0;
    for rank in 1..=number {
        for sum in (rank..=total).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    // Without ties the rank sum is a whole number; the distribution is symmetric.
    let sum = positive.round() as usize;
    let tail: f64 = ways[..=sum.min(total - sum)].iter().sum();
    (2.0 * tail / 2.0_f64.powi(number as i32)).min(1.0)
}

fn approximate(number: f64, positive: f64, ties: &[f64]) -> Option<f64> {
    let mean = number * (number + 1.0) / 4.0;
    let tie_correction: f64 = ties.iter().map(|size| size * (size * size - 1.0)).sum();
    let variance = (number * (number + 1.0) * (2.0 * number + 1.0) - 0.5 * tie_correction) / 24.0;
    let distance = (positive - mean).abs();
    let z = (distance - 0.5).max(0.0) / variance.sqrt();
    let normal = Normal::new(0.0, 1.0).ok()?;
    Some((2.0 * normal.cdf(-z)).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
    }

    #[test]
    fn few_differences_have_the_exact_distribution() {
        // scipy.stats.wilcoxon(d, method="exact").pvalue
        let differences = [0.03, 0.05, -0.01, 0.07, 0.02, -0.04, 0.06, 0.09];
        close(wilcoxon_signed_rank(&differences), 0.078125);
        // By hand: of 2^3 signs one gives the sum 6 and one the sum 0.
        close(wilcoxon_signed_rank(&[1.0, 2.0, 3.0]), 0.25);
        close(wilcoxon_signed_rank(&[1.0, 0.0, 2.0, 3.0]), 0.25);
    }

    #[test]
    fn ties_and_many_differences_have_the_normal_approximation() {
        // scipy.stats.wilcoxon(d, correction=True, method="asymptotic").pvalue
        let ties = [1.0, 2.0, 2.0, -1.0, 3.0, 4.0, 0.0, 5.0, -2.0, 6.0];
        close(wilcoxon_signed_rank(&ties), 0.04960185169639386);
        let many: Vec<f64> = (1..31).map(|i| f64::from((i * 37) % 61 - 20) / 100.0).collect();
        close(wilcoxon_signed_rank(&many), 0.006025661815845218);
    }

    #[test]
    fn without_a_difference_there_is_no_test() {
        assert_eq!(wilcoxon_signed_rank(&[0.0, 0.0]), None);
        assert_eq!(wilcoxon_signed_rank(&[]), None);
        assert_eq!(wilcoxon_signed_rank(&[f64::NAN, 1.0]), None);
    }
}
