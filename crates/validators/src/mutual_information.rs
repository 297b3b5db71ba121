//! Adjusted mutual information of two divisions of the same samples.

use std::collections::BTreeMap;

/// `(I - E) / ((H_a + H_b) / 2 - E)` with `I` the mutual information of two divisions into groups,
/// `H` their entropies and `E` the mutual information to expect of divisions with groups of these
/// sizes that have nothing to do with each other. At most 1. Nothing where a division has a single
/// group, or every sample is a group of its own in both: there is no information to adjust.
/// Vinh, Epps, Bailey: Information theoretic measures for clusterings comparison, JMLR 2010.
///
/// # Panics
/// If both do not divide the same number of samples.
pub fn adjusted_mutual_information(a: &[usize], b: &[usize]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "both divide the same samples");
    let count = a.len();
    let (a_sizes, b_sizes) = (sizes(a.iter()), sizes(b.iter()));
    if a_sizes.len() < 2 || b_sizes.len() < 2 {
        return None;
    }
    let n = count as f64;
    let information: f64 = sizes(a.iter().zip(b))
        .into_iter()
        .map(|((a, b), both)| {
            let both = both as f64;
            both / n * (n * both / (a_sizes[a] as f64 * b_sizes[b] as f64)).ln()
        })
        .sum();
    let entropy = |sizes: &BTreeMap<&usize, usize>| -> f64 {
        sizes.values().map(|&size| size as f64 / n).map(|p| -p * p.ln()).sum()
    };
    let expected = expected_information(count, &values(&a_sizes), &values(&b_sizes));
    let largest = (entropy(&a_sizes) + entropy(&b_sizes)) / 2.0 - expected;
    (largest > 1e-12).then(|| (information - expected) / largest)
}

fn sizes<K: Ord>(groups: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
    let mut sizes = BTreeMap::new();
    for group in groups {
        *sizes.entry(group).or_insert(0) += 1;
    }
    sizes
}

fn values(sizes: &BTreeMap<&usize, usize>) -> Vec<usize> {
    sizes.values().copied().collect()
}

/// The mean over all ways to pair divisions of these sizes; the size of the overlap of two groups
/// is hypergeometric.
fn expected_information(count: usize, a_sizes: &[usize], b_sizes: &[usize]) -> f64 {
    let mut log_factorials = vec![0.0; count + 1];
    for value in 1..=count {
        log_factorials[value] = log_factorials[value - 1] + (value as f64).ln();
    }
    let f = |value: usize| log_factorials[value];
    let n = count as f64;
    let mut expected = 0.0;
    for &a in a_sizes {
        for &b in b_sizes {
            let fixed = f(a) + f(b) + f(count - a) + f(count - b) - f(count);
            for both in (a + b).saturating_sub(count).max(1)..=a.min(b) {
                let rest = f(both) + f(a - both) + f(b - both) + f(count + both - a - b);
                let information = (n * both as f64 / (a as f64 * b as f64)).ln();
                expected += both as f64 / n * information * (fixed - rest).exp();
            }
        }
    }
    expected
}

#[cfg(test)]
mod tests {
    use super::*;
    use isthmus_core::random::Key;
    use rand::RngExt;

    #[test]
    fn four_samples_by_hand() {
        assert!(
            (adjusted_mutual_information(&[0, 0, 1, 1], &[5, 5, 2, 2]).unwrap() - 1.0).abs()
                < 1e-12
        );
        // I = 0, H = ln 2 twice, E = 4 * 1/6 * 1/2 ln 2 = ln 2 / 3.
        let across = adjusted_mutual_information(&[0, 0, 1, 1], &[0, 1, 0, 1]).unwrap();
        assert!((across + 0.5).abs() < 1e-12, "{across}");
    }

    #[test]
    fn the_expected_information_is_the_mean_over_random_pairings() {
        let a: Vec<usize> = [0, 0, 0, 0, 1, 1, 1, 2, 2, 3].to_vec();
        let mut b: Vec<usize> = [0, 0, 0, 1, 1, 1, 1, 1, 2, 2].to_vec();
        let (mut sum, rounds) = (0.0, 4000);
        let mut rng = Key::new(1).rng();
        for _ in 0..rounds {
            for last in (1..b.len()).rev() {
                b.swap(last, rng.random_range(0..=last));
            }
            sum += adjusted_mutual_information(&a, &b).unwrap();
        }
        assert!((sum / f64::from(rounds)).abs() < 0.01, "{}", sum / f64::from(rounds));
    }

    #[test]
    fn divisions_without_information_are_not_scored() {
        assert_eq!(adjusted_mutual_information(&[0, 0], &[0, 1]), None);
        assert_eq!(adjusted_mutual_information(&[0, 1, 2], &[2, 1, 0]), None);
        assert_eq!(adjusted_mutual_information(&[], &[]), None);
    }
}
