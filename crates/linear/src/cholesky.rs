//! Triangular factors of positive definite matrices, and systems solved by them.

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

/// How many right-hand sides are solved for at once.
const SIDES: usize = 64;

/// The `X` with `L L' X = B`, for a [`factor`] `L`.
///
/// # Panics
/// If `B` has not as many rows as `L`.
pub fn solve(lower: &Rows, sides: &Rows) -> Rows {
    let size = lower.count();
    assert_eq!(size, sides.count(), "a row of right-hand sides for each unknown");
    let columns = sides.columns();
    let upper = lower.transposed();
    let mut solved = sides.transposed().values().to_vec();
    solved.par_chunks_mut(SIDES * size.max(1)).for_each(|block| {
        for side in block.chunks_exact_mut(size.max(1)) {
            for row in 0..size {
                let known = dot(&lower.row(row)[..row], &side[..row]);
                side[row] = (side[row] - known) / lower.row(row)[row];
            }
            for row in (0..size).rev() {
                let known = dot(&upper.row(row)[row + 1..], &side[row + 1..]);
                side[row] = (side[row] - known) / lower.row(row)[row];
            }
        }
    });
    if columns == 0 { Rows::new(0, Vec::new()) } else { Rows::new(size, solved).transposed() }
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
    fn the_solution_solves_the_system() {
        let rows = normal(30, 30, &Key::new(2));
        let mut matrix = rows.times_transposed(&rows);
        matrix.add_to_diagonal(1.0);
        let sides = normal(30, 70, &Key::new(3));
        let solved = solve(&factor(&matrix).unwrap(), &sides);
        assert!(distance(&matrix.times(&solved), &sides) < 1e-10);
    }

    #[test]
    fn a_matrix_that_is_not_positive_is_refused() {
        let error = factor(&Rows::new(2, vec![1.0, 2.0, 2.0, 1.0])).unwrap_err();
        assert_eq!(error, LinearError::NotPositive { row: 1, pivot: -3.0 });
        assert!(factor(&Rows::new(1, vec![f64::NAN])).is_err());
    }
}
