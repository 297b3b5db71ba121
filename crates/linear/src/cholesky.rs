//! Triangular factors of positive definite matrices.

use rayon::prelude::*;

use crate::error::LinearError;
use crate::rows::{Rows, add_scaled, dot};

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

/// The `X` with `L X = B`, for a lower triangular `L` without zeros on its diagonal.
///
/// # Panics
/// If `B` has not as many rows as `L`.
pub fn solve_lower(lower: &Rows, right: &Rows) -> Rows {
    let (size, columns) = (right.count(), right.columns());
    assert_eq!(lower.count(), size, "as many rows as the factor");
    let mut values = right.values().to_vec();
    for row in 0..size {
        let (solved, rest) = values.split_at_mut(row * columns);
        let own = &mut rest[..columns];
        for (above, factor) in solved.chunks_exact(columns.max(1)).zip(lower.row(row)) {
            add_scaled(own, above, -factor);
        }
        let pivot = lower.row(row)[row];
        own.iter_mut().for_each(|value| *value /= pivot);
    }
    Rows::new(columns, values)
}

/// The `X` with `L' X = B`, for a lower triangular `L` without zeros on its diagonal.
///
/// # Panics
/// If `B` has not as many rows as `L`.
pub fn solve_lower_transposed(lower: &Rows, right: &Rows) -> Rows {
    let (size, columns) = (right.count(), right.columns());
    assert_eq!(lower.count(), size, "as many rows as the factor");
    let mut values = right.values().to_vec();
    for row in (0..size).rev() {
        let (above, rest) = values.split_at_mut(row * columns);
        let own = &mut rest[..columns];
        let pivot = lower.row(row)[row];
        own.iter_mut().for_each(|value| *value /= pivot);
        for (above, factor) in above.chunks_exact_mut(columns.max(1)).zip(lower.row(row)) {
            add_scaled(above, own, -factor);
        }
    }
    Rows::new(columns, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{distance, normal};
    use isthmus_core::random::Key;

    #[test]
    fn the_factor_gives_the_matrix_and_solves_by_it() {
        let rows = normal(40, 40, &Key::new(1));
        let mut matrix = rows.times_transposed(&rows);
        matrix.add_to_diagonal(1.0);
        let lower = factor(&matrix).unwrap();
        assert!((0..40).all(|row| lower.row(row)[row + 1..].iter().all(|value| *value == 0.0)));
        assert!(distance(&lower.times_transposed(&lower), &matrix) < 1e-11);
        let right = normal(40, 3, &Key::new(2));
        assert!(distance(&lower.times(&solve_lower(&lower, &right)), &right) < 1e-11);
        let solved = solve_lower_transposed(&lower, &right);
        assert!(distance(&lower.transposed_times(&solved), &right) < 1e-11);
    }

    #[test]
    fn a_matrix_that_is_not_positive_is_refused() {
        let error = factor(&Rows::new(2, vec![1.0, 2.0, 2.0, 1.0])).unwrap_err();
        assert_eq!(error, LinearError::NotPositive { row: 1, pivot: -3.0 });
        assert!(factor(&Rows::new(1, vec![f64::NAN])).is_err());
    }
}
