//! The leading eigenvectors of a symmetric matrix, on the host.

/// Vectors that are iterated beside those asked for: the more, the fewer iterations.
const SPARE: usize = 8;

/// Largest residual of an eigenvector, relative to the largest eigenvalue.
const TOLERANCE: f64 = 1e-7;

/// Enough for eigenvalues that differ by a tenth of a hundredth from those left out; closer ones are
/// taken as they are found.
const ITERATIONS: usize = 300;

/// The `count` largest eigenvalues, falling, and their eigenvectors of length 1, of a symmetric matrix
/// `[size, size]` without negative eigenvalues. Fewer where the matrix has not that rank.
///
/// Subspace iteration: a few products with the matrix, where all eigenvectors would cost as much as
/// its size.
pub(crate) fn leading_eigenvectors(
    matrix: &[f64],
    size: usize,
    count: usize,
) -> (Vec<f64>, Vec<Vec<f64>>) {
    let width = (count + SPARE).min(size);
    let mut basis = orthonormal(start(size, width));
    let mut found = (Vec::new(), Vec::new());
    for _ in 0..ITERATIONS {
        let products: Vec<Vec<f64>> = basis.iter().map(|vector| times(matrix, vector)).collect();
        let inner: Vec<f64> = basis
            .iter()
            .flat_map(|vector| products.iter().map(move |product| dot(vector, product)))
            .collect();
        let (values, rotation) = all_eigenvectors(inner, basis.len());
        let vectors = combined(&basis, &rotation);
        let images = combined(&products, &rotation);
        let largest = values.first().copied().unwrap_or(0.0);
        let is_settled = |at: usize| {
            let residual = vectors[at].iter().zip(&images[at]).map(|(vector, image)| {
                let difference = image - values[at] * vector;
                difference * difference
            });
            residual.sum::<f64>().sqrt() <= TOLERANCE * largest
        };
        let kept = count.min(vectors.len());
        let settled = (0..kept).all(is_settled);
        found = (values[..kept].to_vec(), vectors[..kept].to_vec());
        if settled {
            break;
        }
        basis = orthonormal(images);
    }
    found
}

/// Numbers between -1 and 1 that look random, the same ones always.
fn start(size: usize, width: usize) -> Vec<Vec<f64>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..width).map(|_| (0..size).map(|_| next()).collect()).collect()
}

/// An orthonormal basis of what the vectors span.
fn orthonormal(vectors: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(vectors.len());
    for mut vector in vectors {
        let before = dot(&vector, &vector).sqrt();
        // Twice: what is left after the first pass may be mostly rounding.
        for _ in 0..2 {
            for other in &basis {
                let share = dot(&vector, other);
                for (value, other) in vector.iter_mut().zip(other) {
                    *value -= share * other;
                }
            }
        }
        let length = dot(&vector, &vector).sqrt();
        if length > 1e-10 * before {
            vector.iter_mut().for_each(|value| *value /= length);
            basis.push(vector);
        }
    }
    basis
}

/// `sum_i rotation[i][at] vectors[i]` for each `at`.
fn combined(vectors: &[Vec<f64>], rotation: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let size = vectors.first().map_or(0, Vec::len);
    rotation
        .iter()
        .map(|column| {
            let mut sum = vec![0.0; size];
            for (vector, share) in vectors.iter().zip(column) {
                for (sum, value) in sum.iter_mut().zip(vector) {
                    *sum += share * value;
                }
            }
            sum
        })
        .collect()
}

/// All eigenvalues of a small symmetric matrix, falling, and their eigenvectors, by Jacobi rotations.
fn all_eigenvectors(mut matrix: Vec<f64>, size: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    const SWEEPS: usize = 30;
    let mut vectors = vec![0.0; size * size];
    (0..size).for_each(|at| vectors[at * size + at] = 1.0);
    for _ in 0..SWEEPS {
        let off: f64 = (0..size)
            .flat_map(|row| (0..row).map(move |column| (row, column)))
            .map(|(row, column)| matrix[row * size + column].powi(2))
            .sum();
        let diagonal: f64 = (0..size).map(|at| matrix[at * size + at].powi(2)).sum();
        if off <= 1e-28 * diagonal {
            break;
        }
        for p in 0..size {
            for q in p + 1..size {
                rotate(&mut matrix, &mut vectors, size, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|a, b| matrix[b * size + b].total_cmp(&matrix[a * size + a]));
    let values = order.iter().map(|at| matrix[at * size + at]).collect();
    let column = |at: &usize| (0..size).map(|row| vectors[row * size + at]).collect();
    (values, order.iter().map(column).collect())
}

/// Turns entry `[p, q]` to 0.
fn rotate(matrix: &mut [f64], vectors: &mut [f64], size: usize, p: usize, q: usize) {
    let entry = matrix[p * size + q];
    if entry == 0.0 {
        return;
    }
    let theta = (matrix[q * size + q] - matrix[p * size + p]) / (2.0 * entry);
    let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let turn = |values: &mut [f64], one: usize, other: usize| {
        let (a, b) = (values[one], values[other]);
        values[one] = cosine * a - sine * b;
        values[other] = sine * a + cosine * b;
    };
    for at in 0..size {
        turn(matrix, at * size + p, at * size + q);
        turn(vectors, at * size + p, at * size + q);
    }
    for at in 0..size {
        turn(matrix, p * size + at, q * size + at);
    }
}

fn times(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    matrix.chunks(vector.len()).map(|row| dot(row, vector)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Four sums, which the processor adds side by side.
    let mut sums = [0.0; 4];
    let (chunks, others) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = chunks.remainder().iter().zip(others.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in chunks.zip(others) {
        for at in 0..4 {
            sums[at] += a[at] * b[at];
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, numbers};

    /// `rows rows^T` of random rows.
    fn gram(size: usize, rank: usize) -> Vec<f64> {
        let rows = numbers(size * rank, 5);
        let rows: Vec<Vec<f64>> =
            rows.chunks(rank).map(|row| row.iter().map(|x| f64::from(*x)).collect()).collect();
        rows.iter().flat_map(|a| rows.iter().map(move |b| dot(a, b))).collect()
    }

    #[test]
    fn they_are_the_leading_ones_of_all() {
        for (size, rank) in [(1, 1), (5, 9), (12, 3), (40, 60)] {
            let matrix = gram(size, rank);
            let (values, vectors) = leading_eigenvectors(&matrix, size, 3);
            let (all, _) = all_eigenvectors(matrix.clone(), size);
            let count = 3.min(size).min(rank);
            assert_close(&values[..count], &all[..count], 1e-9);
            for (value, vector) in values.iter().zip(&vectors).take(count) {
                let image = times(&matrix, vector);
                let want: Vec<f64> = vector.iter().map(|entry| value * entry).collect();
                assert!((dot(vector, vector) - 1.0).abs() < 1e-12);
                for (image, want) in image.iter().zip(want) {
                    assert!((image - want).abs() < 1e-6 * all[0], "{image} {want}");
                }
            }
        }
    }

    #[test]
    fn equal_eigenvalues_and_matrices_of_zeros_come_to_an_end() {
        let identity: Vec<f64> = (0..400).map(|at| f64::from(u8::from(at % 21 == 0))).collect();
        assert_close(&leading_eigenvectors(&identity, 20, 2).0, &[1.0, 1.0], 1e-12);
        let (values, _) = leading_eigenvectors(&[0.0; 25], 5, 1);
        assert!(values.iter().all(|value| *value == 0.0));
    }
}
