//! Average precision.

/// Average precision of scores of a yes-or-no question: the sum over distinct scores, from the
/// largest on, of precision times the recall that is gained there. Absent where no answer is yes.
///
/// As scikit-learn's `average_precision_score`: without interpolation, equal scores together.
pub(crate) fn average_precision(scored: &[(f32, bool)]) -> Option<f64> {
    let all = scored.iter().filter(|(_, yes)| *yes).count();
    if all == 0 {
        return None;
    }
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut seen, mut found, mut sum) = (0usize, 0usize, 0.0);
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        let gained = equal.iter().filter(|(_, yes)| *yes).count();
        seen += equal.len();
        found += gained;
        sum += gained as f64 / all as f64 * found as f64 / seen as f64;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As scikit-learn: `average_precision_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])` is 0.8333,
    /// and `average_precision_score([1, 0, 1, 0], [0.5, 0.5, 0.5, 0.1])` is 0.6667.
    #[test]
    fn average_precision_is_that_of_scikit_learn() {
        let first = [(0.1, false), (0.4, false), (0.35, true), (0.8, true)];
        assert!((average_precision(&first).unwrap() - 0.833_333_333_333).abs() < 1e-9);
        let tied = [(0.5, true), (0.5, false), (0.5, true), (0.1, false)];
        assert!((average_precision(&tied).unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(average_precision(&[(0.3, false)]), None);
    }
}
