//! Eigenvalues and eigenvectors of symmetric matrices.

use crate::error::LinearError;
use crate::rows::Rows;
use crate::tridiagonal::reduce;

/// Eigenvalues, from the largest to the smallest, with an eigenvector of unit length each.
///
/// Found by reduction to a tridiagonal matrix and implicit QL steps: about `9 size^3` operations
/// with all vectors. Values and the residual `|A v - value v|` are exact up to rounding of the
/// largest value. The first of a vector's largest entries is positive, so that the same matrix
/// gives the same vectors.
#[derive(Clone, Debug)]
pub struct Eigen {
    /// The eigenvalues, descending.
    pub values: Vec<f64>,
    /// The eigenvectors, one a row.
    pub vectors: Rows,
}

impl Eigen {
    /// All eigenvalues and vectors of a symmetric matrix.
    ///
    /// # Errors
    /// If an entry is not finite, or the iteration does not converge.
    ///
    /// # Panics
    /// If the matrix is not square.
    pub fn of(matrix: &Rows) -> Result<Self, LinearError> {
        Self::largest(matrix, matrix.count())
    }

    /// The `count` largest eigenvalues and their vectors; all if there are fewer.
    ///
    /// # Errors
    /// As [`Eigen::of`].
    ///
    /// # Panics
    /// If the matrix is not square.
    pub fn largest(matrix: &Rows, count: usize) -> Result<Self, LinearError> {
        let size = matrix.count();
        assert_eq!(size, matrix.columns(), "the matrix is square");
        matrix.check_finite()?;
        let mut reduced = reduce(size, matrix.values().to_vec());
        let rotations = reduced.diagonalise(true)?;
        let mut order: Vec<usize> = (0..size).collect();
        order.sort_by(|&a, &b| reduced.diagonal[b].total_cmp(&reduced.diagonal[a]));
        order.truncate(count);
        let mut vectors = reduced.vectors(&rotations, &order);
        for vector in vectors.chunks_exact_mut(size.max(1)) {
            let largest = vector.iter().fold(0.0, |largest: f64, value| {
                // Entries that differ by rounding count as equal, for the first of them.
                if value.abs() > largest.abs() * (1.0 + 1e-9) { *value } else { largest }
            });
            if largest < 0.0 {
                vector.iter_mut().for_each(|value| *value = -*value);
            }
        }
        let values = order.iter().map(|&place| reduced.diagonal[place]).collect();
        Ok(Self { values, vectors: Rows::new(size, vectors) })
    }

    /// Without the values that are no more than rounding of the largest; at least one stays.
    pub fn significant(mut self) -> Self {
        let largest = self.values.first().copied().unwrap_or(0.0);
        let more = |value: &&f64| **value > 1e-10 * largest && **value > 0.0;
        self.values.truncate(self.values.iter().take_while(more).count().max(1));
        let kept: Vec<usize> = (0..self.values.len()).collect();
        Self { vectors: self.vectors.select(&kept), ..self }
    }

    /// `sum f(value) v v'` over all eigenvectors that are here: a function of the matrix.
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Rows {
        let size = self.vectors.columns();
        let mut scaled = self.vectors.values().to_vec();
        for (vector, value) in scaled.chunks_exact_mut(size.max(1)).zip(&self.values) {
            let factor = f(*value);
            vector.iter_mut().for_each(|entry| *entry *= factor);
        }
        Rows::new(size, scaled).transposed_times(&self.vectors)
    }
}

/// The eigenvalues of a symmetric matrix, from the largest to the smallest, in a third of the time;
/// NaN where the matrix holds a value that is not finite.
///
/// # Panics
/// If the matrix is not square.
pub fn eigenvalues(matrix: &Rows) -> Vec<f64> {
    let size = matrix.count();
    assert_eq!(size, matrix.columns(), "the matrix is square");
    if matrix.check_finite().is_err() {
        return vec![f64::NAN; size];
    }
    let mut reduced = reduce(size, matrix.values().to_vec());
    if reduced.diagonalise(false).is_err() {
        return vec![f64::NAN; size];
    }
    let mut values = reduced.diagonal;
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{distance, normal};
    use isthmus_core::random::Key;

    fn close(got: &[f64], want: &[f64]) {
        assert_eq!(got.len(), want.len());
        assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}");
    }

    /// Holds the vectors against what defines them.
    fn check(matrix: &Rows) -> Eigen {
        let size = matrix.count();
        let eigen = Eigen::of(matrix).unwrap();
        let scale = eigen.values.iter().fold(1e-300, |largest: f64, v| largest.max(v.abs()));
        let mut unit = Rows::new(size, vec![0.0; size * size]);
        unit.add_to_diagonal(1.0);
        let bound = 1e-14 * (10.0 + size as f64);
        let orthogonal = distance(&eigen.vectors.times_transposed(&eigen.vectors), &unit);
        assert!(orthogonal < bound, "{orthogonal} from orthogonal");
        let residual = distance(&eigen.map(|value| value), matrix) / scale;
        assert!(residual < bound, "{residual} from the matrix");
        assert!(eigen.values.is_sorted_by(|a, b| a >= b));
        let alone = eigenvalues(matrix);
        assert!(alone.iter().zip(&eigen.values).all(|(a, b)| (a - b).abs() < bound * scale));
        eigen
    }

    #[test]
    fn small_matrices_by_hand() {
        assert_eq!(Eigen::of(&Rows::new(0, Vec::new())).unwrap().values, [0.0; 0]);
        let one = check(&Rows::new(1, vec![3.0]));
        assert_eq!((one.values[0], one.vectors.values()[0]), (3.0, 1.0));
        let two = check(&Rows::new(2, vec![2.0, 1.0, 1.0, 2.0]));
        close(&two.values, &[3.0, 1.0]);
        let half = 0.5_f64.sqrt();
        close(two.vectors.values(), &[half, half, half, -half]);
        // The second difference on three points: 2 - 2 cos(k pi / 4).
        let root = 2.0_f64.sqrt();
        let second_difference = vec![2.0, -1.0, 0.0, -1.0, 2.0, -1.0, 0.0, -1.0, 2.0];
        close(&check(&Rows::new(3, second_difference)).values, &[2.0 + root, 2.0, 2.0 - root]);
        close(&check(&Rows::new(2, vec![0.0; 4])).values, &[0.0, 0.0]);
        // Already diagonal, with equal values and a negative one.
        let diagonal = vec![1.0, 0.0, 0.0, 0.0, -2.0, 0.0, 0.0, 0.0, 1.0];
        close(&check(&Rows::new(3, diagonal)).values, &[1.0, 1.0, -2.0]);
    }

    #[test]
    fn matrices_of_any_size_scale_and_rank() {
        for (size, rank, scale) in
            [(5, 5, 1.0), (33, 40, 1e-140), (70, 30, 1e140), (150, 200, 1.0), (301, 20, 1.0)]
        {
            let rows = normal(size, rank, &Key::new(size as u64));
            let values = rows.values().iter().map(|value| value * scale);
            let rows = Rows::new(rank, values.collect());
            let eigen = check(&rows.times_transposed(&rows));
            let positive = eigen.values.iter().filter(|v| **v > 1e-9 * eigen.values[0]).count();
            assert_eq!(positive, rank.min(size));
        }
    }

    #[test]
    fn clusters_of_equal_values_have_orthogonal_vectors() {
        let size = 60;
        let basis = Eigen::of(&{
            let rows = normal(size, size, &Key::new(3));
            rows.times_transposed(&rows)
        })
        .unwrap();
        let stairs = Eigen {
            values: (0..size).map(|at| f64::from(u8::from(at < 20)) * 5.0 + 1.0).collect(),
            vectors: basis.vectors,
        };
        let eigen = check(&stairs.map(|value| value));
        assert!(eigen.values[..20].iter().all(|value| (value - 6.0).abs() < 1e-12));
        assert!(eigen.values[20..].iter().all(|value| (value - 1.0).abs() < 1e-12));
    }

    #[test]
    fn the_largest_are_the_first_of_all() {
        let rows = normal(40, 40, &Key::new(9));
        let matrix = rows.times_transposed(&rows);
        let (all, some) = (Eigen::of(&matrix).unwrap(), Eigen::largest(&matrix, 7).unwrap());
        assert_eq!(some.values, all.values[..7]);
        assert_eq!(some.vectors.values(), &all.vectors.values()[..7 * 40]);
        assert_eq!(Eigen::largest(&matrix, 99).unwrap().values.len(), 40);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let matrix = Rows::new(2, vec![1.0, f64::NAN, f64::NAN, 1.0]);
        assert!(Eigen::of(&matrix).unwrap_err().to_string().contains("row 0, column 1 holds NaN"));
        assert!(eigenvalues(&matrix).iter().all(|value| value.is_nan()));
    }
}
