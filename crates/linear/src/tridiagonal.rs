//! Symmetric matrices as tridiagonal ones, and the eigenvalues of those.
//!
//! Golub, Van Loan: Matrix computations, 4th edition, 2013, section 8.3; the shifts are those of
//! EISPACK's `tql2` (Bowdler, Martin, Reinsch, Wilkinson, Numerische Mathematik 1968).

use rayon::prelude::*;

use crate::error::LinearError;
use crate::rows::{add_scaled, dot};

/// Iterations for one eigenvalue after which the method has failed; two are usual.
const ITERATIONS: usize = 60;
/// Rows below which threads cost more than they save.
const ROWS_IN_PARALLEL: usize = 128;
/// Columns of the eigenvectors that are turned together: few enough to stay in the cache.
const PANEL: usize = 32;
/// Eigenvectors that are reflected together, for the same reason.
const BLOCK: usize = 32;

/// `A = Q T Q'` with `T` tridiagonal and `Q` a product of reflections `I - v v'`.
pub(crate) struct Tridiagonal {
    /// The diagonal of `T`.
    pub(crate) diagonal: Vec<f64>,
    /// Beside the diagonal; one entry more than there are, the last is 0.
    pub(crate) beside: Vec<f64>,
    /// The vectors `v`, of length square root of 2 or 0; the one at `k` begins at row `k + 1`.
    reflections: Vec<Vec<f64>>,
}

/// Two rows that are turned: `first` and the one after it.
pub(crate) struct Rotation {
    first: u32,
    cosine: f64,
    sine: f64,
}

/// Reduces a symmetric matrix of `size` rows, which is given row after row.
///
/// Each step applies the reflection of the step before and multiplies the matrix by the new one in
/// the same pass over memory.
pub(crate) fn reduce(size: usize, mut matrix: Vec<f64>) -> Tridiagonal {
    let mut diagonal = vec![0.0; size];
    let mut beside = vec![0.0; size];
    let mut reflections = Vec::with_capacity(size.saturating_sub(2));
    // `A - v w' - w v'`, still to be applied to the rows from `k` on.
    let (mut v, mut w) = (vec![0.0; size], vec![0.0; size]);
    for k in 0..size {
        let row = &mut matrix[k * size + k..(k + 1) * size];
        let (at, rest) = (size - row.len(), row.len());
        let (v_k, w_k) = (v[v.len() - rest], w[w.len() - rest]);
        add_scaled(row, &w[w.len() - rest..], -v_k);
        add_scaled(row, &v[v.len() - rest..], -w_k);
        diagonal[k] = row[0];
        if k + 1 == size {
            break;
        }
        let (next, entry) = reflection(&row[1..]);
        beside[k] = entry;
        let (old_v, old_w) = (&v[v.len() - rest + 1..], &w[w.len() - rest + 1..]);
        let update = |(row, product): (&mut [f64], &mut f64), position: usize| {
            let row = &mut row[at + 1..];
            add_scaled(row, old_w, -old_v[position]);
            add_scaled(row, old_v, -old_w[position]);
            *product = dot(row, &next);
        };
        let mut product = vec![0.0; rest - 1];
        let below = &mut matrix[(k + 1) * size..];
        if rest > ROWS_IN_PARALLEL {
            below
                .par_chunks_exact_mut(size)
                .zip(&mut product)
                .enumerate()
                .with_min_len(ROWS_IN_PARALLEL / 4)
                .for_each(|(position, pair)| update(pair, position));
        } else {
            let rows = below.chunks_exact_mut(size).zip(&mut product);
            rows.enumerate().for_each(|(position, pair)| update(pair, position));
        }
        // (I - v v') A (I - v v') = A - v w' - w v'.
        let half = dot(&product, &next) / 2.0;
        add_scaled(&mut product, &next, -half);
        (v, w) = (next.clone(), product);
        reflections.push(next);
    }
    Tridiagonal { diagonal, beside, reflections }
}

/// The `v` with `(I - v v') x = (entry, 0, ...)`, and `entry`.
fn reflection(x: &[f64]) -> (Vec<f64>, f64) {
    let scale = x.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let mut v = x.to_vec();
    if x[1..].iter().all(|value| *value == 0.0) || scale == 0.0 {
        v.fill(0.0);
        return (v, x[0]);
    }
    // Scaled, so that no square is too large or too small for a number.
    v.iter_mut().for_each(|value| *value /= scale);
    let norm = dot(&v, &v).sqrt();
    let sign = if v[0] < 0.0 { -1.0 } else { 1.0 };
    v[0] += sign * norm;
    let factor = (2.0 / dot(&v, &v)).sqrt();
    v.iter_mut().for_each(|value| *value *= factor);
    (v, -sign * norm * scale)
}

impl Tridiagonal {
    /// Turns the diagonal into the eigenvalues, in no order. Returns the rotations that turn rows
    /// of the identity into the eigenvectors of `T`, if they are `wanted`.
    ///
    /// # Errors
    /// If it does not converge.
    pub(crate) fn diagonalise(&mut self, wanted: bool) -> Result<Vec<Rotation>, LinearError> {
        let (d, e) = (&mut self.diagonal, &mut self.beside);
        let size = d.len();
        let norm = d.iter().zip(&*e).map(|(d, e)| d.abs() + e.abs()).fold(0.0, f64::max);
        let mut rotations = Vec::new();
        for first in 0..size {
            let mut iterations = 0;
            loop {
                // An entry beside the diagonal that rounding hides is as good as zero.
                let last = (first..size - 1)
                    .find(|&at| e[at].abs() <= f64::EPSILON * norm)
                    .unwrap_or(size - 1);
                if last == first {
                    break;
                }
                iterations += 1;
                if iterations > ITERATIONS {
                    return Err(LinearError::NotConverged(format!(
                        "the eigenvalues of a matrix of {size} rows did not converge"
                    )));
                }
                sweep(d, e, first, last, |rotation| {
                    if wanted {
                        rotations.push(rotation);
                    }
                });
            }
        }
        Ok(rotations)
    }

    /// The eigenvectors at `places`, each a row of `size` values: rows of the identity, turned by
    /// `rotations` and reflected.
    pub(crate) fn vectors(&self, rotations: &[Rotation], places: &[usize]) -> Vec<f64> {
        let size = self.diagonal.len();
        if size == 0 || places.is_empty() {
            return Vec::new();
        }
        let panels: Vec<Vec<f64>> = (0..size.div_ceil(PANEL))
            .into_par_iter()
            .map(|panel| turned(size, panel * PANEL, rotations))
            .collect();
        let mut vectors = vec![0.0; places.len() * size];
        vectors.par_chunks_mut(BLOCK * size).zip(places.par_chunks(BLOCK)).for_each(
            |(block, places)| {
                for (vector, &place) in block.chunks_exact_mut(size).zip(places) {
                    for (values, panel) in vector.chunks_mut(PANEL).zip(&panels) {
                        let width = values.len();
                        values.copy_from_slice(&panel[place * PANEL..place * PANEL + width]);
                    }
                }
                for (at, reflection) in self.reflections.iter().enumerate().rev() {
                    for vector in block.chunks_exact_mut(size) {
                        let part = &mut vector[at + 1..];
                        let along = dot(part, reflection);
                        add_scaled(part, reflection, -along);
                    }
                }
            },
        );
        vectors
    }
}

/// `PANEL` columns from `start` on of the identity, with all rotations applied to its rows.
fn turned(size: usize, start: usize, rotations: &[Rotation]) -> Vec<f64> {
    let mut panel = vec![0.0; size * PANEL];
    for column in 0..PANEL.min(size - start) {
        panel[(start + column) * PANEL + column] = 1.0;
    }
    for Rotation { first, cosine, sine } in rotations {
        let at = *first as usize * PANEL;
        let (upper, lower) = panel[at..at + 2 * PANEL].split_at_mut(PANEL);
        for (a, b) in upper.iter_mut().zip(lower) {
            (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
        }
    }
    panel
}

/// One implicit step with a shift on the rows `first..=last`.
fn sweep(d: &mut [f64], e: &mut [f64], first: usize, last: usize, mut turn: impl FnMut(Rotation)) {
    let mut g = (d[first + 1] - d[first]) / (2.0 * e[first]);
    let root = g.hypot(1.0);
    g = d[last] - d[first] + e[first] / (g + if g < 0.0 { -root } else { root });
    let (mut sine, mut cosine, mut p) = (1.0, 1.0, 0.0);
    for at in (first..last).rev() {
        let f = sine * e[at];
        let b = cosine * e[at];
        let length = f.hypot(g);
        e[at + 1] = length;
        if length == 0.0 {
            // The matrix falls apart here.
            d[at + 1] -= p;
            e[last] = 0.0;
            return;
        }
        (sine, cosine) = (f / length, g / length);
        g = d[at + 1] - p;
        let t = (d[at] - g) * sine + 2.0 * cosine * b;
        p = sine * t;
        d[at + 1] = g + p;
        g = cosine * t - b;
        turn(Rotation { first: at as u32, cosine, sine });
    }
    d[first] -= p;
    e[first] = g;
    e[last] = 0.0;
}
