//! Parts of rows.

use isthmus_core::random::Key;
use rand::seq::{SliceRandom, index};

use crate::rows::Rows;

/// All positions below `count`, or `largest` of them drawn by the key; in order.
pub fn at_most(count: usize, largest: usize, key: &Key) -> Vec<usize> {
    if count <= largest {
        return (0..count).collect();
    }
    let mut chosen = index::sample(&mut key.rng(), count, largest).into_vec();
    chosen.sort_unstable();
    chosen
}

/// The positions below `count` in random order, cut in two: the first part holds
/// `share * count` of them, rounded, and where there are two or more neither part is empty.
pub fn split(count: usize, share: f64, key: &Key) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut key.rng());
    let first = (count as f64 * share).round() as usize;
    let rest =
        order.split_off(first.clamp(1.min(count), count.saturating_sub(1).max(1).min(count)));
    (order, rest)
}

/// At most `most` rows, spread evenly.
pub fn spread(rows: &Rows, most: usize) -> Rows {
    let count = rows.count().min(most);
    let chosen: Vec<usize> = (0..count).map(|row| row * rows.count() / count).collect();
    rows.select(&chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subset_is_drawn_only_where_there_is_too_much() {
        let key = Key::new(1);
        assert_eq!(at_most(3, 5, &key), [0, 1, 2]);
        let some = at_most(100, 5, &key);
        assert_eq!(some.len(), 5);
        assert!(some.is_sorted() && some.iter().all(|row| *row < 100));
        assert_eq!(some, at_most(100, 5, &key));
        assert_ne!(some, at_most(100, 5, &Key::new(2)));
    }

    #[test]
    fn rows_are_spread_evenly() {
        let rows = Rows::new(1, (0..10).map(f64::from).collect());
        assert_eq!(spread(&rows, 3).values(), [0.0, 3.0, 6.0]);
        assert_eq!(spread(&rows, 30), rows);
    }

    #[test]
    fn a_split_keeps_every_row_once_and_no_part_empty() {
        for (count, share, sizes) in [
            (10, 0.8, (8, 2)),
            (2, 0.99, (1, 1)),
            (2, 0.01, (1, 1)),
            (1, 0.5, (1, 0)),
            (0, 0.5, (0, 0)),
        ] {
            let (first, rest) = split(count, share, &Key::new(3));
            assert_eq!((first.len(), rest.len()), sizes);
            let mut all = [first, rest].concat();
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }
}
