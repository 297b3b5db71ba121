//! Clusters of directions from given centres (CAN).

use super::centroid_labels::{largest, unit};
use crate::checks::assert_not_empty;
use burn::tensor::Tensor;
use nalgebra::{DMatrix, DVectorView};

/// The cluster of each row.
#[derive(Clone, Debug, PartialEq)]
pub struct SphericalClusters {
    /// The cluster of each row.
    pub labels: Vec<u32>,
    /// The cosine distance `(1 - cos) / 2` of each row to the centre of its cluster, between 0 and 1.
    pub distances: Vec<f64>,
}

/// Means of the directions of the rows of each class, `[classes, features]` row by row: what
/// [`spherical_k_means`] begins with. A class without a row has a mean of 0.
///
/// # Shapes
/// - `features`: `[rows, features]`
/// - `labels`: `[rows]`, each below `classes`
///
/// # Panics
/// If there is no row, the counts differ or a label is no class.
pub fn class_directions(features: &Tensor<2>, labels: &[u32], classes: usize) -> Vec<Vec<f64>> {
    let directions = directions(features);
    assert_eq!(directions.len(), labels.len(), "class_directions: one label a row");
    sums(&directions, labels, classes).into_iter().map(unit).collect()
}

/// Clusters of rows by direction, one for each centre, from these centres on: each row goes to the
/// centre of the largest cosine, then each centre to the sum of the directions of its rows, until no
/// row changes or `rounds` are over.
///
/// A centre without rows stays where it is; one of 0 wins no row. So the cluster of a centre keeps
/// its number: begun with the class means of another domain, clusters are classes. All in 64-bit
/// arithmetic on the host, without a gradient.
///
/// Source: Kang et al., "Contrastive adaptation network for unsupervised domain adaptation", 2019,
/// section 3.3. Peers: the authors' code sums features that are not of length 1.
///
/// # Shapes
/// - `features`: `[rows, features]`
/// - `centres`: `[clusters, features]`
///
/// # Panics
/// If there is no row or no centre, or a centre is of another size.
pub fn spherical_k_means(
    features: &Tensor<2>,
    centres: Vec<Vec<f64>>,
    rounds: usize,
) -> SphericalClusters {
    let directions = directions(features);
    let size = features.dims()[1];
    assert!(
        !centres.is_empty() && centres.iter().all(|centre| centre.len() == size),
        "spherical_k_means: needs centres of {size} values"
    );
    let mut centres: Vec<Vec<f64>> = centres.into_iter().map(unit).collect();
    let all = DMatrix::from_fn(size, directions.len(), |place, row| directions[row][place]);
    let mut found = nearest(&all, &centres);
    for _ in 1..rounds {
        let moved = sums(&directions, &found.labels, centres.len());
        for (centre, sum) in centres.iter_mut().zip(moved) {
            if !is_zero(centre) && !is_zero(&sum) {
                *centre = unit(sum);
            }
        }
        let next = nearest(&all, &centres);
        let is_settled = next.labels == found.labels;
        found = next;
        if is_settled {
            break;
        }
    }
    found
}

/// The centre of largest cosine for each direction, a column each of `all`.
fn nearest(all: &DMatrix<f64>, centres: &[Vec<f64>]) -> SphericalClusters {
    let by_row = DMatrix::from_fn(centres.len(), all.nrows(), |row, place| centres[row][place]);
    let cosines = by_row * all;
    let known: Vec<bool> = centres.iter().map(|centre| !is_zero(centre)).collect();
    let label = |cosines: DVectorView<'_, f64>| {
        let of = |(cosine, known): (&f64, &bool)| if *known { *cosine } else { f64::NEG_INFINITY };
        let cosines: Vec<f64> = cosines.iter().zip(&known).map(of).collect();
        let place = largest(cosines.iter().copied());
        let distance = 0.5 * (1.0 - cosines[place]);
        (place as u32, distance.clamp(0.0, 1.0))
    };
    let (labels, distances) = cosines.column_iter().map(|column| label(column.as_view())).unzip();
    SphericalClusters { labels, distances }
}

fn is_zero(vector: &[f64]) -> bool {
    vector.iter().all(|value| *value == 0.0)
}

/// The rows with length 1; one of zeros stays.
fn directions(features: &Tensor<2>) -> Vec<Vec<f64>> {
    assert_not_empty("spherical_k_means", features);
    let values: Vec<f64> = features.to_data().iter::<f64>().collect();
    values.chunks(features.dims()[1]).map(|row| unit(row.to_vec())).collect()
}

/// The sum of the directions of each cluster.
fn sums(directions: &[Vec<f64>], labels: &[u32], clusters: usize) -> Vec<Vec<f64>> {
    let mut sums = vec![vec![0.0; directions[0].len()]; clusters];
    for (direction, label) in directions.iter().zip(labels) {
        for (sum, value) in sums[*label as usize].iter_mut().zip(direction) {
            *sum += value;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    /// Rows at these angles, in degrees, of different lengths.
    fn at(angles: &[f64]) -> Tensor<2> {
        let row = |(place, angle): (usize, &f64)| {
            let length = 1.0 + place as f64;
            let (sine, cosine) = angle.to_radians().sin_cos();
            [(length * cosine) as f32, (length * sine) as f32]
        };
        let values: Vec<f32> = angles.iter().enumerate().flat_map(row).collect();
        Tensor::from_data(TensorData::new(values, [angles.len(), 2]), &Device::flex())
    }

    #[test]
    fn clusters_move_from_the_centres_and_keep_their_numbers() {
        // Source classes at 0 and 90 degrees, the target turned by 40.
        let centres = class_directions(&at(&[-5.0, 5.0, 85.0, 95.0]), &[0, 0, 1, 1], 2);
        let target = at(&[30.0, 40.0, 50.0, 120.0, 130.0, 140.0]);
        let first = spherical_k_means(&target, centres.clone(), 1);
        assert_eq!(first.labels, [0, 0, 1, 1, 1, 1]);
        let found = spherical_k_means(&target, centres, 20);
        assert_eq!(found.labels, [0, 0, 0, 1, 1, 1]);
        let ten_degrees = 0.5 * (1.0 - 10.0_f64.to_radians().cos());
        let want = [ten_degrees, 0.0, ten_degrees, ten_degrees, 0.0, ten_degrees];
        for (got, want) in found.distances.iter().zip(want) {
            assert!((got - want).abs() < 1e-5, "{:?}", found.distances);
        }
    }

    #[test]
    fn a_class_without_rows_wins_none_and_rows_of_zeros_are_far_from_all() {
        let centres = class_directions(&at(&[0.0, 90.0]), &[0, 2], 3);
        assert_eq!(centres[1], [0.0, 0.0]);
        let target = Tensor::cat(vec![at(&[10.0, 80.0]), at(&[0.0]).mul_scalar(0.0)], 0);
        let found = spherical_k_means(&target, centres, 20);
        assert_eq!(found.labels, [0, 2, 0]);
        assert_eq!(found.distances[2], 0.5);
        let nowhere = spherical_k_means(&target, vec![vec![0.0; 2]; 3], 20);
        assert_eq!((nowhere.labels, nowhere.distances), (vec![0; 3], vec![1.0; 3]));
    }
}
