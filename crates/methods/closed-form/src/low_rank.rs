//! Eigenvectors of `(mu I + G' G)^-1 B` for a symmetric `B` and a `G` of few rows.

use isthmus_linear::{Eigen, LinearError, Rows};

/// Squared singular values of `G` below this share of the largest are rounding.
const ROUNDING: f64 = 1e-14;

/// The `count` largest eigenvalues of `B w = value (mu I + G' G) w` and their vectors, scaled to
/// unit length.
///
/// With `N = mu I + G' G`, these are the eigenpairs of the symmetric `N^-1/2 B N^-1/2`; as `G` has
/// few rows, `N^-1/2` differs from a multiple of the identity by a product of thin matrices.
pub(crate) fn leading(b: &Rows, g: &Rows, mu: f64, count: usize) -> Result<Eigen, LinearError> {
    let damping = Damping::new(g, mu)?;
    let half = damping.applied_to_rows(b);
    let whole = damping.applied_to_rows(&half.transposed());
    let mut found = Eigen::largest(&symmetric(&whole), count)?;
    let vectors = damping.applied_to_rows(&found.vectors);
    found.vectors = vectors.unit_length();
    Ok(found)
}

/// `N^-1/2 = (I - V' C V) / sqrt(mu)`.
struct Damping {
    /// `V`: orthonormal rows that span those of `G`.
    v: Rows,
    /// `C V`, with `C` diagonal.
    scaled: Rows,
    factor: f64,
}

impl Damping {
    fn new(g: &Rows, mu: f64) -> Result<Self, LinearError> {
        let squares = Eigen::of(&g.times_transposed(g))?;
        let largest = squares.values.first().copied().unwrap_or(0.0);
        let kept = squares.values.iter().take_while(|v| **v > largest * ROUNDING && **v > 0.0);
        let kept: Vec<usize> = (0..kept.count()).collect();
        let v = squares.vectors.select(&kept).times(g).unit_length();
        let mut scaled = Vec::with_capacity(v.values().len());
        for (row, square) in v.iter().zip(&squares.values) {
            let share = 1.0 - (mu / (mu + square)).sqrt();
            scaled.extend(row.iter().map(|value| value * share));
        }
        let scaled = Rows::new(v.columns(), scaled);
        Ok(Self { v, scaled, factor: 1.0 / mu.sqrt() })
    }

    /// `X N^-1/2`.
    fn applied_to_rows(&self, x: &Rows) -> Rows {
        let removed = x.times_transposed(&self.v).times(&self.scaled);
        let values = x.values().iter().zip(removed.values());
        Rows::new(x.columns(), values.map(|(x, removed)| (x - removed) * self.factor).collect())
    }
}

/// The mean of a matrix and its transposed, which rounding made differ.
pub(crate) fn symmetric(matrix: &Rows) -> Rows {
    let other = matrix.transposed();
    let values = matrix.values().iter().zip(other.values());
    Rows::new(matrix.columns(), values.map(|(a, b)| (a + b) / 2.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::normal;
    use isthmus_linear::rows::dot;

    /// `|B w - value (mu I + G' G) w|`.
    fn residual(b: &Rows, g: &Rows, mu: f64, value: f64, w: &[f64]) -> f64 {
        let w = Rows::new(1, w.to_vec());
        let left = b.times(&w);
        let right = g.transposed_times(&g.times(&w));
        let difference = left.values().iter().zip(right.values()).zip(w.values());
        let difference: Vec<f64> =
            difference.map(|((left, right), w)| left - value * (mu * w + right)).collect();
        dot(&difference, &difference).sqrt()
    }

    #[test]
    fn the_vectors_solve_the_problem() {
        let (x, g) = (normal(30, 12, 1), normal(3, 12, 2));
        let b = x.transposed_times(&x);
        for g in [g.clone(), g.select(&[0, 0, 1]), g.select(&[]), Rows::new(12, vec![0.0; 24])] {
            let found = leading(&b, &g, 0.7, 5).unwrap();
            assert!(found.values.is_sorted_by(|a, b| a >= b) && found.values.len() == 5);
            for (value, w) in found.values.iter().zip(found.vectors.iter()) {
                assert!((dot(w, w) - 1.0).abs() < 1e-12);
                let residual = residual(&b, &g, 0.7, *value, w);
                assert!(residual < 1e-10 * found.values[0], "{residual}");
            }
        }
    }
}
