//! The area under the receiver operating characteristic.

/// The macro average, over the classes that some rows have and some have not, of the area under the
/// curve of one class against the rest: the probability that a row of the class has a higher score
/// for it than a row of another, equal scores counted half (Hand and Till 2001, one against the
/// rest). `scores` has a row of one score a class for each entry of `classes`. Absent where no class
/// tells rows apart.
pub(crate) fn macro_auroc(scores: &[Vec<f64>], classes: &[u32]) -> Option<f64> {
    let columns = scores.first().map_or(0, Vec::len) as u32;
    let areas: Vec<f64> = (0..columns).filter_map(|class| auroc(scores, classes, class)).collect();
    (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
}

/// The area of one class against the rest, by the sum of the ranks of its rows.
fn auroc(scores: &[Vec<f64>], classes: &[u32], class: u32) -> Option<f64> {
    let mut rows: Vec<(f64, bool)> =
        scores.iter().zip(classes).map(|(row, &own)| (row[class as usize], own == class)).collect();
    let own = rows.iter().filter(|(_, own)| *own).count() as f64;
    let others = rows.len() as f64 - own;
    if own == 0.0 || others == 0.0 {
        return None;
    }
    rows.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut below = 0.0;
    let mut ranks = 0.0;
    for equal in rows.chunk_by(|(a, _), (b, _)| a == b) {
        let of_class = equal.iter().filter(|(_, own)| *own).count() as f64;
        // The mean rank of equal scores, from 1.
        ranks += of_class * (below + (equal.len() as f64 + 1.0) / 2.0);
        below += equal.len() as f64;
    }
    Some((ranks - own * (own + 1.0) / 2.0) / (own * others))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of scikit-learn's `roc_auc_score`.
    #[test]
    fn two_classes_are_as_in_scikit_learn() {
        let scores: Vec<Vec<f64>> =
            [0.1, 0.4, 0.35, 0.8].iter().map(|&score| vec![1.0 - score, score]).collect();
        assert_eq!(macro_auroc(&scores, &[0, 0, 1, 1]), Some(0.75));
    }

    #[test]
    fn pairs_are_counted_and_equal_scores_count_half() {
        let scores = [[0.2, 0.5, 0.3], [0.2, 0.3, 0.5], [0.6, 0.2, 0.2], [0.4, 0.3, 0.3]];
        let scores: Vec<Vec<f64>> = scores.iter().map(|row| row.to_vec()).collect();
        let classes = [0, 1, 0, 1];
        let by_pairs = |class: usize| {
            let (mut sum, mut pairs) = (0.0, 0.0);
            for (a, row) in scores.iter().enumerate().filter(|(a, _)| classes[*a] == class as u32) {
                for (b, other) in scores.iter().enumerate() {
                    if classes[b] != classes[a] {
                        let (mine, theirs) = (row[class], other[class]);
                        sum += f64::from(mine > theirs) + 0.5 * f64::from(mine == theirs);
                        pairs += 1.0;
                    }
                }
            }
            sum / pairs
        };
        // Class 2 has no row.
        let expected = (by_pairs(0) + by_pairs(1)) / 2.0;
        assert!((macro_auroc(&scores, &classes).unwrap() - expected).abs() < 1e-12);
        assert_eq!(macro_auroc(&scores, &[1, 1, 1, 1]), None);
        assert_eq!(macro_auroc(&[], &[]), None);
    }
}
