//! Pseudo-labels by the nearest class centroid (SHOT).

use crate::checks::assert_not_empty;
use burn::tensor::Tensor;

/// What SHOT adds to the mass of a class.
const EPSILON: f64 = 1e-8;

/// Labels of all rows by one round of assignment.
#[derive(Clone, Debug)]
pub struct CentroidLabels {
    /// The class of each row.
    pub labels: Vec<u32>,
    /// The centroid of each class, `features + 1` values each, one class after the other.
    pub centroids: Vec<Vec<f64>>,
}

/// Labels each row by the class centroid with the smallest cosine distance, in `rounds` rounds.
///
/// ```text
/// x_i = [f_i, 1] / |[f_i, 1]|
/// c_k = sum_i p_ik x_i / (1e-8 + sum_i p_ik)         label_i = argmax_k cos(x_i, c_k)
/// ```
///
/// In the first round `p` are the predicted probabilities, and classes compete that are the most
/// probable one of some row; in later rounds `p` are the labels of the round before, one-hot, and
/// classes compete that some row has. All in 64-bit arithmetic on the host, without a gradient.
/// Returns the result of each round.
///
/// Source: Liang, Hu and Feng, "Do we really need to access the source data?", 2020, eq. 4 to 6;
/// the one appended is from the published code. Peers: SHOT's script for digits lets empty classes
/// compete, whose centroid is 0 and whose distance is no number, so that every row gets that class;
/// here a class without a row cannot win.
///
/// # Shapes
/// - `features`: `[rows, features]`
/// - `probabilities`: `[rows, classes]`
///
/// # Panics
/// If there is no row or the counts differ.
pub fn centroid_labels(
    features: &Tensor<2>,
    probabilities: &Tensor<2>,
    rounds: usize,
) -> Vec<CentroidLabels> {
    assert_not_empty("centroid_labels", features);
    assert_not_empty("centroid_labels", probabilities);
    let ([rows, size], [found, classes]) = (features.dims(), probabilities.dims());
    assert_eq!(rows, found, "centroid_labels: {rows} rows of features, {found} of probabilities");
    let values: Vec<f64> = features.to_data().iter::<f64>().collect();
    let directions: Vec<Vec<f64>> =
        values.chunks(size).map(|row| unit(row.iter().copied().chain([1.0]).collect())).collect();
    let mut shares: Vec<Vec<f64>> = probabilities
        .to_data()
        .iter::<f64>()
        .collect::<Vec<_>>()
        .chunks(classes)
        .map(<[f64]>::to_vec)
        .collect();
    let mut found = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let mut competes = vec![false; classes];
        for row in &shares {
            competes[largest(row.iter().copied())] = true;
        }
        let centroids = centroids(&directions, &shares, classes);
        let axes: Vec<Vec<f64>> = centroids.iter().cloned().map(unit).collect();
        let label = |row: &Vec<f64>| {
            let cosines = axes.iter().zip(&competes).map(|(axis, competes)| match competes {
                true => row.iter().zip(axis).map(|(a, b)| a * b).sum(),
                false => f64::NEG_INFINITY,
            });
            largest(cosines) as u32
        };
        let labels: Vec<u32> = directions.iter().map(label).collect();
        for (row, label) in shares.iter_mut().zip(&labels) {
            row.fill(0.0);
            row[*label as usize] = 1.0;
        }
        found.push(CentroidLabels { labels, centroids });
    }
    found
}

fn centroids(directions: &[Vec<f64>], shares: &[Vec<f64>], classes: usize) -> Vec<Vec<f64>> {
    let size = directions[0].len();
    let mut sums = vec![vec![0.0; size]; classes];
    let mut masses = vec![EPSILON; classes];
    for (direction, shares) in directions.iter().zip(shares) {
        for (class, share) in shares.iter().enumerate() {
            masses[class] += share;
            for (sum, value) in sums[class].iter_mut().zip(direction) {
                *sum += share * value;
            }
        }
    }
    for (sum, mass) in sums.iter_mut().zip(masses) {
        sum.iter_mut().for_each(|value| *value /= mass);
    }
    sums
}

/// The vector with length 1; one of zeros stays.
pub(super) fn unit(mut vector: Vec<f64>) -> Vec<f64> {
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    vector
}

/// The place of the largest value, the first of equal ones; what is no number is not it.
pub(super) fn largest(values: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (place, value) in values.enumerate() {
        if value > best.1 {
            best = (place, value);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn rows_go_to_the_centroid_whose_direction_is_nearest() {
        let device = Device::flex();
        // The fourth row is predicted as class 1 and lies among those of class 0.
        let features =
            Tensor::<2>::from_data([[5.0, 0.0], [4.0, 0.2], [0.0, 3.0], [6.0, 0.1]], &device);
        let probabilities =
            Tensor::<2>::from_data([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.45, 0.55]], &device);
        let found = centroid_labels(&features, &probabilities, 2);
        assert_eq!(found[0].labels, [0, 0, 1, 0]);
        assert_eq!(found[1].labels, [0, 0, 1, 0]);
    }

    /// SHOT's script for digits gives every row the class that nobody predicts.
    #[test]
    fn a_class_without_rows_wins_nothing() {
        let device = Device::flex();
        let features = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]], &device);
        let probabilities = Tensor::<2>::from_data(
            [[0.9, 0.1, 0.0, 0.0], [0.2, 0.8, 0.0, 0.0], [0.9, 0.1, 0.0, 0.0]],
            &device,
        );
        for round in centroid_labels(&features, &probabilities, 3) {
            assert_eq!(round.labels, [0, 1, 0]);
            assert!(round.centroids.iter().flatten().all(|value| value.is_finite()));
        }
        let zeros = features.mul_scalar(0.0);
        assert_eq!(centroid_labels(&zeros, &probabilities, 1)[0].labels, [0, 0, 0]);
    }
}
