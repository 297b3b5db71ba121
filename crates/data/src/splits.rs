//! Which rows are trained on and which are tested on.

use std::collections::BTreeMap;

use isthmus_core::error::DataError;
use isthmus_core::random::Key;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

/// The rows of a split, each list ascending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitRows {
    /// Rows to train on.
    pub train: Vec<usize>,
    /// Rows to test on.
    pub test: Vec<usize>,
}

/// Holds out `test_share` of the rows, the same share of each class as nearly as whole rows
/// allow, and at least one row of each class on both sides. The same key gives the same split.
///
/// # Errors
/// If the share is not in (0, 1), or a class has a single row.
pub fn stratified_split(
    labels: &[u32],
    test_share: f64,
    key: &Key,
) -> Result<SplitRows, DataError> {
    if !(test_share > 0.0 && test_share < 1.0) {
        return Err(DataError::Mismatch(format!(
            "`test_share` is {test_share}; expected a share between 0 and 1"
        )));
    }
    let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (row, &label) in labels.iter().enumerate() {
        members.entry(label).or_default().push(row);
    }
    if let Some((class, _)) = members.iter().find(|(_, rows)| rows.len() == 1) {
        return Err(DataError::Mismatch(format!(
            "class {class} has a single sample among the {}; a split into two parts needs at \
             least two of each class",
            labels.len()
        )));
    }
    let sizes: Vec<usize> = members.values().map(Vec::len).collect();
    let total = (labels.len() as f64 * test_share).round() as usize;
    let counts = proportional_counts(&sizes, total);
    let mut split = SplitRows { train: Vec::new(), test: Vec::new() };
    for ((class, mut rows), count) in members.into_iter().zip(counts) {
        rows.shuffle(&mut key.at(u64::from(class)).rng());
        let (test, train) = rows.split_at(count.clamp(1, rows.len() - 1));
        split.test.extend_from_slice(test);
        split.train.extend_from_slice(train);
    }
    split.train.sort_unstable();
    split.test.sort_unstable();
    Ok(split)
}

/// Holds out `test_share` of `rows` rows, at least one on both sides, whatever their classes. The
/// same key gives the same split.
///
/// # Errors
/// If the share is not in (0, 1), or there are less than two rows.
pub fn plain_split(rows: usize, test_share: f64, key: &Key) -> Result<SplitRows, DataError> {
    if !(test_share > 0.0 && test_share < 1.0) {
        return Err(DataError::Mismatch(format!(
            "`test_share` is {test_share}; expected a share between 0 and 1"
        )));
    }
    if rows < 2 {
        return Err(DataError::Mismatch(format!(
            "{rows} samples cannot be split into training and test sets"
        )));
    }
    let mut all: Vec<usize> = (0..rows).collect();
    all.shuffle(&mut key.rng());
    let count = ((rows as f64 * test_share).round() as usize).clamp(1, rows - 1);
    let mut train = all.split_off(count);
    train.sort_unstable();
    all.sort_unstable();
    Ok(SplitRows { train, test: all })
}

/// Parts of `total` in proportion to `sizes`: rounded down, what is left going to the largest
/// remainders (Hamilton's method), the first of equals first.
pub(crate) fn proportional_counts(sizes: &[usize], total: usize) -> Vec<usize> {
    let all: usize = sizes.iter().sum();
    if all == 0 {
        return vec![0; sizes.len()];
    }
    let share = |size: usize| size as u128 * total as u128;
    let mut counts: Vec<usize> =
        sizes.iter().map(|&size| (share(size) / all as u128) as usize).collect();
    let left = total - counts.iter().sum::<usize>();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(share(sizes[class]) % all as u128));
    for &class in order.iter().take(left) {
        counts[class] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_disjoint_complete_and_stratified() {
        let labels: Vec<u32> = (0..100).map(|row| [0, 0, 0, 1, 2][row % 5]).collect();
        let key = Key::new(3);
        let split = stratified_split(&labels, 0.3, &key).unwrap();
        assert_eq!((split.train.len(), split.test.len()), (70, 30));
        let mut all = [split.train.clone(), split.test.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        let of_class = |class| split.test.iter().filter(|&&row| labels[row] == class).count();
        assert_eq!([of_class(0), of_class(1), of_class(2)], [18, 6, 6]);
        assert_eq!(stratified_split(&labels, 0.3, &key).unwrap(), split);
        assert_ne!(stratified_split(&labels, 0.3, &Key::new(4)).unwrap(), split);
    }

    #[test]
    fn a_plain_split_is_disjoint_and_complete_and_refuses_what_cannot_be_split() {
        let key = Key::new(3);
        let split = plain_split(10, 0.3, &key).unwrap();
        assert_eq!((split.train.len(), split.test.len()), (7, 3));
        let mut all = [split.train.clone(), split.test.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
        assert_ne!(plain_split(10, 0.3, &Key::new(4)).unwrap(), split);
        assert_eq!(plain_split(2, 0.999, &key).unwrap().train.len(), 1);
        assert!(plain_split(1, 0.3, &key).is_err() && plain_split(5, 1.0, &key).is_err());
    }

    #[test]
    fn every_class_is_on_both_sides() {
        let split = stratified_split(&[0, 0, 1, 1, 1, 1, 1, 1], 0.1, &Key::new(0)).unwrap();
        assert_eq!(split.test.len(), 2);
        let split = stratified_split(&[0, 0, 1, 1], 0.9, &Key::new(0)).unwrap();
        assert_eq!(split.train.len(), 2);
    }

    #[test]
    fn a_class_of_one_and_a_wrong_share_are_errors() {
        let error = stratified_split(&[0, 0, 1], 0.3, &Key::new(0)).err().unwrap().to_string();
        assert!(error.contains("class 1 has a single sample"), "{error}");
        for share in [0.0, 1.0, f64::NAN] {
            assert!(stratified_split(&[0, 0], share, &Key::new(0)).is_err());
        }
    }

    #[test]
    fn counts_add_up_and_follow_the_sizes() {
        assert_eq!(proportional_counts(&[10, 20, 30], 6), [1, 2, 3]);
        assert_eq!(proportional_counts(&[1, 1, 1], 2), [1, 1, 0]);
        assert_eq!(proportional_counts(&[5, 0, 6], 10), [5, 0, 5]);
        assert_eq!(proportional_counts(&[], 0), Vec::<usize>::new());
    }
}
