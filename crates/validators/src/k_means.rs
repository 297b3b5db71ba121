//! Clusters by k-means.

use isthmus_core::random::Key;
use rand::RngExt;

use crate::rows::{Rows, add_scaled, squared_distance};

/// Rounds of a start after which it is taken as it is.
const ROUNDS: usize = 100;

/// Rows divided into clusters.
#[derive(Clone, Debug, PartialEq)]
pub struct Clusters {
    /// The cluster of each row.
    pub labels: Vec<usize>,
    /// The sum of squared distances of rows to the centres of their clusters.
    pub inertia: f64,
}

/// Divides rows into `count` clusters: Lloyd's rounds from `restarts` starts by k-means++, of
/// which the smallest inertia is taken. A cluster that loses all its rows is given the row that is
/// farthest from its centre. Arthur, Vassilvitskii: k-means++, SODA 2007.
///
/// # Panics
/// If `count` is 0 or more than there are rows, or there is no start.
pub fn k_means(rows: &Rows, count: usize, restarts: usize, key: &Key) -> Clusters {
    assert!(count > 0 && count <= rows.count(), "{count} clusters of {} rows", rows.count());
    (0..restarts)
        .map(|restart| lloyd(rows, first_centres(rows, count, &key.at(restart as u64))))
        .reduce(|best, next| if next.inertia < best.inertia { next } else { best })
        .expect("there is a start")
}

/// Rows drawn with a probability that grows with the squared distance to those drawn before.
fn first_centres(rows: &Rows, count: usize, key: &Key) -> Vec<f64> {
    let mut rng = key.rng();
    let mut centres = rows.row(rng.random_range(0..rows.count())).to_vec();
    let mut nearest = vec![f64::INFINITY; rows.count()];
    while centres.len() < count * rows.columns() {
        let last = &centres[centres.len() - rows.columns()..];
        for (nearest, row) in nearest.iter_mut().zip(rows.iter()) {
            *nearest = nearest.min(squared_distance(row, last));
        }
        let mut left = rng.random::<f64>() * nearest.iter().sum::<f64>();
        // Where all rows are centres already, any row serves.
        let mut chosen = rows.count() - 1;
        for (row, distance) in nearest.iter().enumerate() {
            left -= distance;
            if left < 0.0 {
                chosen = row;
                break;
            }
        }
        centres.extend_from_slice(rows.row(chosen));
    }
    centres
}

fn lloyd(rows: &Rows, mut centres: Vec<f64>) -> Clusters {
    let count = centres.len() / rows.columns();
    let mut labels = vec![usize::MAX; rows.count()];
    let mut distances = vec![0.0; rows.count()];
    for _ in 0..ROUNDS {
        let mut changed = false;
        for (row, values) in rows.iter().enumerate() {
            let (label, distance) = nearest(&centres, values);
            changed |= labels[row] != label;
            (labels[row], distances[row]) = (label, distance);
        }
        if !changed {
            break;
        }
        let mut sizes = vec![0_usize; count];
        centres.fill(0.0);
        for (values, &label) in rows.iter().zip(&labels) {
            sizes[label] += 1;
            add_scaled(&mut centres[label * rows.columns()..][..rows.columns()], values, 1.0);
        }
        for (centre, &size) in centres.chunks_exact_mut(rows.columns()).zip(&sizes) {
            if size > 0 {
                centre.iter_mut().for_each(|value| *value /= size as f64);
                continue;
            }
            let farthest = crate::rows::largest(&distances);
            distances[farthest] = 0.0;
            centre.copy_from_slice(rows.row(farthest));
        }
    }
    let inertia = rows
        .iter()
        .zip(&labels)
        .map(|(row, label)| {
            squared_distance(row, &centres[label * rows.columns()..][..rows.columns()])
        })
        .sum();
    Clusters { labels, inertia }
}

/// The nearest centre, the first of equals, and its squared distance.
fn nearest(centres: &[f64], row: &[f64]) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for (label, centre) in centres.chunks_exact(row.len()).enumerate() {
        let distance = squared_distance(row, centre);
        if distance < best.1 {
            best = (label, distance);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::blobs;

    #[test]
    fn groups_on_a_line_are_found() {
        let rows = Rows::new(1, vec![0.0, 10.0, 1.0, 12.0, 2.0]);
        let clusters = k_means(&rows, 2, 2, &Key::new(1));
        let label = clusters.labels[0];
        assert_eq!(clusters.labels, [label, 1 - label, label, 1 - label, label]);
        assert_eq!(clusters.inertia, 4.0);
    }

    #[test]
    fn groups_far_apart_are_found_and_the_key_decides() {
        let (rows, labels) = blobs(&[0, 1, 2, 3, 4], 30, 5, 20.0, 0.0, &Key::new(1));
        let clusters = k_means(&rows, 5, 5, &Key::new(2));
        let same = |a: &[usize]| -> Vec<bool> {
            a.iter().flat_map(|x| a.iter().map(move |y| x == y)).collect()
        };
        assert_eq!(same(&clusters.labels), same(&labels));
        assert_eq!(clusters, k_means(&rows, 5, 5, &Key::new(2)));
    }

    #[test]
    fn rows_at_one_place_and_as_many_clusters_as_rows_are_borne() {
        let one_place = k_means(&Rows::new(1, vec![3.0; 4]), 3, 1, &Key::new(1));
        assert_eq!((one_place.labels, one_place.inertia), (vec![0; 4], 0.0));
        let each = k_means(&Rows::new(1, vec![1.0, 5.0, 9.0]), 3, 1, &Key::new(1));
        assert_eq!(each.inertia, 0.0);
        let mut labels = each.labels;
        labels.sort_unstable();
        assert_eq!(labels, [0, 1, 2]);
    }

    #[test]
    fn a_cluster_without_rows_takes_the_farthest() {
        let rows = Rows::new(1, vec![0.0, 1.0, 100.0, 101.0]);
        // The centre at 1000 is nobody's nearest.
        let clusters = lloyd(&rows, vec![0.0, 1000.0]);
        assert_eq!(clusters.labels, [0, 0, 1, 1]);
        assert_eq!(clusters.inertia, 1.0);
    }
}
