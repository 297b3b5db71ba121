//! Triangular factors of positive definite matrices.

use rayon::prelude::*;

use crate::error::LinearError;
use crate::rows::{Rows, dot};

/// The lower triangular `L` with `L L' = A`.
///
/// Golub, Van Loan: Matrix computations, 4th edition, 2013, section 4.2.
///
/// # Errors
/// If the symmetric matrix `A` is not positive definite.
///
/// # Panics
/// If the matrix is not square.
pub fn factor(matrix: &Rows) -> Result<Rows, LinearError> {
    let size = matrix.count();
    assert_eq!(size, matrix.columns(), "the matrix is square");
    let mut values = matrix.values().to_vec();
    for column in 0..size {
        let (above, rest) = values.split_at_mut((column + 1) * size);
        let pivot_row = &mut above[column * size..];
        let (known, own) = pivot_row.split_at_mut(column);
        let pivot = own[0] - dot(known, known);
        if pivot.is_nan() || pivot <= 0.0 {
            return Err(LinearError::NotPositive { row: column, pivot });
        }
        let root = pivot.sqrt();
        own.fill(0.0);
        own[0] = root;
        rest.par_chunks_exact_mut(size).with_min_len(64).for_each(|row| {
            let (left, entry) = row.split_at_mut(column);
            entry[0] = (entry[0] - dot(left, known)) / root;
        });
    }
    Ok(Rows::new(size, values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{distance, normal};
    use isthmus_core::random::Key;

    #[test]
    fn the_factor_gives_the_matrix() {
        let rows = normal(40, 40, &Key::new(1));
        let mut matrix = rows.times_transposed(&rows);
        matrix.add_to_diagonal(1.0);
        let lower = factor(&matrix).unwrap();
        assert!((0..40).all(|row| lower.row(row)[row + 1..].iter().all(|value| *value == 0.0)));
        assert!(distance(&lower.times_transposed(&lower), &matrix) < 1e-11);
    }

    #[test]
    fn a_matrix_that_is_not_positive_is_refused() {
        let error = factor(&Rows::new(2, vec![1.0, 2.0, 2.0, 1.0])).unwrap_err();
        assert_eq!(error, LinearError::NotPositive { row: 1, pivot: -3.0 });
        assert!(factor(&Rows::new(1, vec![f64::NAN])).is_err());
    }
}
