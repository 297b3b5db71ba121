//! Rank correlations.

use super::ranks::{average_ranks, dense_ranks};

/// Spearman's rank correlation of pairs without NaN, in [-1, 1]; `None` for fewer than two pairs
/// or where one side has a single value.
pub fn spearman(first: &[f64], second: &[f64]) -> Option<f64> {
    let weights = vec![1.0; first.len()];
    weighted_pearson(&average_ranks(first), &average_ranks(second), &weights)
}

/// The weighted Spearman correlation of Musgrave, Belongie and Lim, "Three new validators and a
/// large-scale benchmark ranking for unsupervised domain adaptation", 2022, in [-1, 1]; `None` as
/// for [`spearman`].
///
/// The weight of a pair is `max(s, a)²`: `s` and `a` are the dense ranks of its score and its
/// accuracy (equal values share a rank, ranks have no gaps), each divided by the largest one. A
/// checkpoint counts much if the validator puts it on top or if it belongs there. With these
/// weights `w`, the rank of a value is the weight of everything smaller plus `(n + 1) / 2` times
/// the mean weight of the `n` pairs that share the value, and the result is the `w`-weighted
/// Pearson correlation of the ranks of scores and accuracies.
pub fn weighted_spearman(scores: &[f64], accuracies: &[f64]) -> Option<f64> {
    let (by_score, by_accuracy) =
        (relative(dense_ranks(scores)), relative(dense_ranks(accuracies)));
    let weights: Vec<f64> = by_score
        .iter()
        .zip(&by_accuracy)
        .map(|(score, accuracy)| score.max(*accuracy).powi(2))
        .collect();
    let ranks = |values: &[f64]| weighted_ranks(values, &weights);
    weighted_pearson(&ranks(scores), &ranks(accuracies), &weights)
}

fn relative(mut ranks: Vec<f64>) -> Vec<f64> {
    let largest = ranks.iter().copied().fold(1.0, f64::max);
    ranks.iter_mut().for_each(|rank| *rank /= largest);
    ranks
}

fn weighted_ranks(values: &[f64], weights: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut below = 0.0;
    for group in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let weight: f64 = group.iter().map(|&place| weights[place]).sum();
        let number = group.len() as f64;
        for &place in group {
            ranks[place] = below + (number + 1.0) / 2.0 * (weight / number);
        }
        below += weight;
    }
    ranks
}

fn weighted_pearson(first: &[f64], second: &[f64], weights: &[f64]) -> Option<f64> {
    let total: f64 = weights.iter().sum();
    let mean = |values: &[f64]| {
        values.iter().zip(weights).map(|(value, weight)| value * weight).sum::<f64>() / total
    };
    let (first_mean, second_mean) = (mean(first), mean(second));
    let (mut product, mut first_square, mut second_square) = (0.0, 0.0, 0.0);
    for ((x, y), weight) in first.iter().zip(second).zip(weights) {
        let (x, y) = (x - first_mean, y - second_mean);
        product += weight * x * y;
        first_square += weight * x * x;
        second_square += weight * y * y;
    }
    let scale = (first_square * second_square).sqrt();
    (scale > 0.0).then(|| (product / scale).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: [f64; 6] = [0.1, 0.4, 0.35, 0.8, 0.8, 0.2];
    const ACCURACIES: [f64; 6] = [0.5, 0.6, 0.55, 0.7, 0.65, 0.65];

    fn close(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
    }

    #[test]
    fn spearman_is_that_of_scipy() {
        // scipy.stats.spearmanr(SCORES, ACCURACIES).statistic
        close(spearman(&SCORES, &ACCURACIES), 0.7205882352941176);
        close(spearman(&[1.0, 2.0, 3.0], &[9.0, 5.0, 1.0]), -1.0);
    }

    #[test]
    fn the_weighted_one_is_that_of_its_authors() {
        // By the formula of the documentation in numpy, as in the authors' repository
        // (powerful-benchmarker, validator_tests/utils/weighted_spearman.py, pow=2).
        close(weighted_spearman(&SCORES, &ACCURACIES), 0.6409653393121583);
        // Two neighbours exchanged: at the bottom it counts less than at the top.
        let accuracies = [1.0, 2.0, 3.0, 4.0, 5.0];
        close(weighted_spearman(&[2.0, 1.0, 3.0, 4.0, 5.0], &accuracies), 0.9971659124624267);
        close(weighted_spearman(&[1.0, 2.0, 3.0, 5.0, 4.0], &accuracies), 0.41082063259010326);
    }

    #[test]
    fn nothing_can_be_said_of_constant_or_single_values() {
        assert_eq!(spearman(&[], &[]), None);
        assert_eq!(spearman(&[1.0], &[1.0]), None);
        assert_eq!(weighted_spearman(&[0.5, 0.5], &[0.1, 0.2]), None);
    }
}
