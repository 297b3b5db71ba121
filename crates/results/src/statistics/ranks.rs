//! Ranks.

/// The rank of each value among all, from 1 for the smallest; equal values share the mean of
/// their ranks. NaN counts as larger than every number.
pub fn average_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut below = 0;
    for group in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = below as f64 + (group.len() + 1) as f64 / 2.0;
        for &place in group {
            ranks[place] = rank;
        }
        below += group.len();
    }
    ranks
}

/// Ranks without gaps: equal values share a rank, the next value has the next one.
pub(super) fn dense_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    for (place, group) in order.chunk_by(|&a, &b| values[a] == values[b]).enumerate() {
        for &index in group {
            ranks[index] = (place + 1) as f64;
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_their_mean_rank() {
        // scipy.stats.rankdata([3, 1, 3, 2])
        assert_eq!(average_ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
        // scipy.stats.rankdata([3, 1, 3, 2], method="dense")
        assert_eq!(dense_ranks(&[3.0, 1.0, 3.0, 2.0]), [3.0, 1.0, 3.0, 2.0]);
        assert_eq!(average_ranks(&[0.0, -0.0]), [1.5, 1.5]);
        assert!(average_ranks(&[]).is_empty());
    }
}
