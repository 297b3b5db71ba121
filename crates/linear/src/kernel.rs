//! Distances and Gaussian kernels of all pairs of rows.

use crate::rows::{Rows, dot, mean};

/// `exp(-gamma |x - y|^2)` of all pairs of rows, `[rows of x, rows of y]`.
///
/// # Panics
/// If rows of `x` and `y` are not of one length.
pub fn gaussian_kernel(x: &Rows, y: &Rows, gamma: f64) -> Rows {
    let mut values = squared_distances(x, y).values().to_vec();
    values.iter_mut().for_each(|value| *value = (-gamma * *value).exp());
    Rows::new(y.count(), values)
}

/// Squared distances of all pairs of rows, `[rows of x, rows of y]`.
///
/// # Panics
/// If rows of `x` and `y` are not of one length.
pub fn squared_distances(x: &Rows, y: &Rows) -> Rows {
    let lengths = |rows: &Rows| rows.iter().map(|row| dot(row, row)).collect::<Vec<_>>();
    let (of_x, of_y) = (lengths(x), lengths(y));
    let mut values = x.times_transposed(y).values().to_vec();
    for (row, of_x) in values.chunks_exact_mut(y.count().max(1)).zip(of_x) {
        for (value, of_y) in row.iter_mut().zip(&of_y) {
            *value = (of_x + of_y - 2.0 * *value).max(0.0);
        }
    }
    Rows::new(y.count(), values)
}

/// For each row of `x` the place of the nearest row of `y`, the first of equally near ones.
///
/// # Panics
/// If `y` has no rows, or rows of another length.
pub fn nearest(x: &Rows, y: &Rows) -> Vec<usize> {
    assert!(y.count() > 0, "there are rows to be near to");
    let smallest = |row: &[f64]| {
        let mut best = 0;
        for (place, distance) in row.iter().enumerate() {
            if *distance < row[best] {
                best = place;
            }
        }
        best
    };
    squared_distances(x, y).iter().map(smallest).collect()
}

/// The width `gamma` of a Gaussian kernel that suits these rows: one over the mean squared distance
/// of two of them, with `distances` those of all pairs; 1 where all are the same.
pub fn mean_width(distances: &Rows) -> f64 {
    match mean(distances.values()) {
        distance if distance > 0.0 && (1.0 / distance).is_finite() => 1.0 / distance,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_and_kernels_by_hand() {
        let x = Rows::new(2, vec![0.0, 0.0, 3.0, 4.0]);
        let y = Rows::new(2, vec![0.0, 1.0]);
        assert_eq!(squared_distances(&x, &y).values(), [1.0, 18.0]);
        assert_eq!(nearest(&y, &x), [0]);
        assert_eq!(nearest(&x, &x.above(&x)), [0, 1]);
        let kernel = gaussian_kernel(&x, &y, 0.5);
        assert_eq!(kernel.values(), [(-0.5_f64).exp(), (-9.0_f64).exp()]);
    }

    #[test]
    fn equal_rows_have_a_width_too() {
        let x = Rows::new(1, vec![0.0, 2.0]);
        assert_eq!(mean_width(&squared_distances(&x, &x)), 0.5);
        assert_eq!(mean_width(&Rows::new(2, vec![0.0; 4])), 1.0);
    }
}
