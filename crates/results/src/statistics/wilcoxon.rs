//! Wilcoxon's signed-rank test: F. Wilcoxon, "Individual comparisons by ranking methods", 1945.

use statrs::distribution::{ContinuousCDF, Normal};

use super::average_ranks;

/// The largest number of differences whose exact distribution is used.
const EXACT: usize = 25;

/// How a p-value was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PValueForm {
    /// From the distribution over all signs, with the ranks as they are.
    Exact,
    /// From the normal distribution, corrected for ties and continuity.
    Normal,
}

/// The outcome of Wilcoxon's signed-rank test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wilcoxon {
    /// The two-sided p-value, in (0, 1].
    pub p_value: f64,
    /// How it was computed.
    pub form: PValueForm,
}

/// Wilcoxon's signed-rank test that paired differences are symmetric about zero; `None` where
/// none differs from zero.
///
/// Differences of zero are left out; equal sizes share the mean of their ranks. Up to 25
/// differences the p-value is exact: all signs are equally likely, whatever ties there are
/// (`method=PermutationMethod(n_resamples=inf)` of `scipy.stats.wilcoxon`). Beyond, it is the
/// normal approximation (`method="asymptotic"` with `correction=True`).
pub fn wilcoxon_signed_rank(differences: &[f64]) -> Option<Wilcoxon> {
    let differences: Vec<f64> =
        differences.iter().copied().filter(|&difference| difference != 0.0).collect();
    if differences.is_empty() || differences.iter().any(|difference| difference.is_nan()) {
        return None;
    }
    let sizes: Vec<f64> = differences.iter().map(|difference| difference.abs()).collect();
    let ranks = average_ranks(&sizes);
    if differences.len() <= EXACT {
        let p_value = exact(&ranks, &differences);
        return Some(Wilcoxon { p_value, form: PValueForm::Exact });
    }
    let positive = differences.iter().zip(&ranks).filter(|(difference, _)| **difference > 0.0);
    let positive: f64 = positive.map(|(_, rank)| rank).sum();
    let p_value = approximate(differences.len() as f64, positive, &tied(&sizes))?;
    Some(Wilcoxon { p_value, form: PValueForm::Normal })
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
/// after the other. Ranks of ties are halves, so that twice a rank is a whole number.
fn exact(ranks: &[f64], differences: &[f64]) -> f64 {
    let doubled: Vec<usize> = ranks.iter().map(|rank| (2.0 * rank).round() as usize).collect();
    let total: usize = doubled.iter().sum();
    let mut ways = vec![0.0_f64; total + 1];
    ways[0] = 1.0;
    for &rank in &doubled {
        for sum in (rank..=total).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    let positive = doubled.iter().zip(differences).filter(|(_, difference)| **difference > 0.0);
    let positive: usize = positive.map(|(rank, _)| rank).sum();
    // Turning all signs turns a sum into the rest of the total: the distribution is symmetric.
    let tail: f64 = ways[..=positive.min(total - positive)].iter().sum();
    (2.0 * tail / 2.0_f64.powi(doubled.len() as i32)).min(1.0)
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

    fn close(differences: &[f64], form: PValueForm, expected: f64) {
        let found = wilcoxon_signed_rank(differences).unwrap();
        assert!((found.p_value - expected).abs() < 1e-9, "{found:?} instead of {expected}");
        assert_eq!(found.form, form);
    }

    /// The numbers are those of `bench/peers/wilcoxon.py`.
    #[test]
    fn few_differences_have_the_exact_distribution_with_ties_too() {
        let exact = |differences: &[f64], p| close(differences, PValueForm::Exact, p);
        exact(&[0.03, 0.05, -0.01, 0.07, 0.02, -0.04, 0.06, 0.09], 0.078125);
        exact(&[1.0, 2.0, 2.0, -1.0, 3.0, 4.0, 0.0, 5.0, -2.0, 6.0], 0.05078125);
        exact(&[2.0, 2.0, 3.0, 1.0, 1.0, 4.0, 2.0, -1.0, 3.0], 0.015625);
        exact(&[1.0, 1.0, 1.0, 1.0, 1.0, -1.0], 0.21875);
        exact(&[1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 3.0], 0.71875);
        let twenty: Vec<f64> = (1..21).map(|i| f64::from((i * 7) % 9 - 3)).collect();
        exact(&twenty, 0.058135986328125);
        // By hand: of 2^3 signs one gives the sum 6 and one the sum 0; of one difference both.
        exact(&[1.0, 0.0, 2.0, 3.0], 0.25);
        exact(&[0.5], 1.0);
    }

    #[test]
    fn many_differences_have_the_normal_approximation() {
        let many: Vec<f64> = (1..31).map(|i| f64::from((i * 37) % 61 - 20) / 100.0).collect();
        close(&many, PValueForm::Normal, 0.006025661815845218);
    }

    #[test]
    fn without_a_difference_there_is_no_test() {
        assert_eq!(wilcoxon_signed_rank(&[0.0, 0.0]), None);
        assert_eq!(wilcoxon_signed_rank(&[]), None);
        assert_eq!(wilcoxon_signed_rank(&[f64::NAN, 1.0]), None);
    }
}
