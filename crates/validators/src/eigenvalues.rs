//! Eigenvalues of symmetric matrices, by Jacobi's rotations.

/// Sweeps over all entries; convergence is quadratic, about ten are needed.
const SWEEPS: usize = 60;

/// The eigenvalues of a symmetric matrix of `size` rows, in no order. Each sweep takes `size^3`
/// steps. Golub, Van Loan: Matrix computations, 4th edition, 2013, section 8.5.
///
/// # Panics
/// If the matrix is not square.
pub(crate) fn eigenvalues(size: usize, mut matrix: Vec<f64>) -> Vec<f64> {
    assert_eq!(matrix.len(), size * size, "the matrix is square");
    let norm: f64 = matrix.iter().map(|value| value * value).sum();
    for _ in 0..SWEEPS {
        let mut aside = 0.0;
        for p in 0..size {
            for q in p + 1..size {
                aside += 2.0 * matrix[p * size + q].powi(2);
            }
        }
        if aside <= f64::EPSILON.powi(2) * norm {
            break;
        }
        for p in 0..size {
            for q in p + 1..size {
                rotate(size, &mut matrix, p, q);
            }
        }
    }
    matrix.into_iter().step_by(size + 1).collect()
}

/// Turns the entry at `(p, q)` to zero; both halves of the matrix are kept alike.
fn rotate(size: usize, matrix: &mut [f64], p: usize, q: usize) {
    let entry = matrix[p * size + q];
    if entry == 0.0 {
        return;
    }
    let slope = (matrix[q * size + q] - matrix[p * size + p]) / (2.0 * entry);
    // The smaller root of t^2 + 2 slope t - 1 = 0.
    let tangent = slope.signum() / (slope.abs() + slope.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    matrix[p * size + p] -= tangent * entry;
    matrix[q * size + q] += tangent * entry;
    matrix[p * size + q] = 0.0;
    matrix[q * size + p] = 0.0;
    for k in (0..size).filter(|k| *k != p && *k != q) {
        let (a, b) = (matrix[p * size + k], matrix[q * size + k]);
        let (a, b) = (cosine * a - sine * b, sine * a + cosine * b);
        (matrix[p * size + k], matrix[k * size + p]) = (a, a);
        (matrix[q * size + k], matrix[k * size + q]) = (b, b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::dot;
    use crate::testing::normal;
    use isthmus_core::random::Key;

    fn sorted(size: usize, matrix: Vec<f64>) -> Vec<f64> {
        let mut values = eigenvalues(size, matrix);
        values.sort_by(f64::total_cmp);
        values
    }

    #[test]
    fn small_matrices_by_hand() {
        assert_eq!(sorted(0, Vec::new()), [0.0; 0]);
        assert_eq!(sorted(1, vec![3.0]), [3.0]);
        let close = |got: Vec<f64>, want: &[f64]| {
            assert_eq!(got.len(), want.len());
            assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}");
        };
        close(sorted(2, vec![2.0, 1.0, 1.0, 2.0]), &[1.0, 3.0]);
        // The second difference on three points: 2 - 2 cos(k pi / 4).
        let root = 2.0_f64.sqrt();
        let second_difference = vec![2.0, -1.0, 0.0, -1.0, 2.0, -1.0, 0.0, -1.0, 2.0];
        close(sorted(3, second_difference), &[2.0 - root, 2.0, 2.0 + root]);
        close(sorted(2, vec![0.0; 4]), &[0.0, 0.0]);
    }

    #[test]
    fn trace_and_norm_are_those_of_the_eigenvalues() {
        let size = 40;
        let rows = normal(size, 30, &Key::new(1));
        let matrix: Vec<f64> =
            (0..size * size).map(|at| dot(rows.row(at / size), rows.row(at % size))).collect();
        let trace: f64 = matrix.iter().step_by(size + 1).sum();
        let norm = dot(&matrix, &matrix);
        let values = sorted(size, matrix);
        assert!((values.iter().sum::<f64>() - trace).abs() < 1e-10 * trace);
        assert!((dot(&values, &values) - norm).abs() < 1e-10 * norm);
        // The rank is 30.
        assert!(values[9].abs() < 1e-10 * trace && values[10] > 1e-4 * trace, "{values:?}");
    }
}
