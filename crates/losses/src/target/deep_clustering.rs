//! Deep clustering: predictions are to meet a sharper and more even version of themselves.

use burn::tensor::{Tensor, activation::log_softmax};

use crate::checks::assert_not_empty;

/// Keeps a cluster that no row belongs to from dividing zero by zero.
const SMALLEST: f64 = 1e-12;

/// Divergence of cluster assignments from their own target, `mean_i sum_k q_ik log (q_ik / p_ik)`, with
/// `q_ik` proportional to `p_ik^2 / sum_j p_jk` and summing to 1 over the clusters.
///
/// The target `q` is sharper than `p`, and gives less to clusters that already have much; it is held
/// constant. The loss is 0 where all rows are certain, and also where all are equally uncertain.
///
/// Source: Xie, Girshick, Farhadi, "Unsupervised deep embedding for clustering analysis", ICML 2016,
/// eqs. 2 and 3, the mean over the rows in place of the sum.
///
/// # Shapes
/// - `log_assignments`: `log p`, `[batch, clusters]`
/// - result: `[1]`, at least 0
///
/// # Panics
/// If the batch is empty.
pub fn clustering_divergence(log_assignments: Tensor<2>) -> Tensor<1> {
    assert_not_empty("clustering_divergence", &log_assignments);
    let own = log_assignments.clone().detach();
    let mass = own.clone().exp().sum_dim(0).clamp_min(SMALLEST).log();
    let log_target = log_softmax(own.mul_scalar(2.0) - mass, 1);
    let target = log_target.clone().exp();
    (target * (log_target - log_assignments)).sum_dim(1).mean()
}

/// Assignment of rows to clusters by their distance to the centres, in logarithms: `log p_ik` with
/// `p_ik` proportional to `1 / (1 + |f_i - c_k|^2)`, a Student's t-distribution of one degree of
/// freedom.
///
/// Source: van der Maaten, Hinton, 2008; Xie et al., 2016, eq. 1.
///
/// # Shapes
/// - `features`: `[batch, features]`
/// - `centres`: `[clusters, features]`
/// - result: `[batch, clusters]`
///
/// # Panics
/// If the numbers of features differ or one of the two is empty.
pub fn log_assignments(features: Tensor<2>, centres: Tensor<2>) -> Tensor<2> {
    assert_not_empty("log_assignments", &features);
    assert_not_empty("log_assignments", &centres);
    let (own, others) = (features.dims()[1], centres.dims()[1]);
    assert_eq!(own, others, "log_assignments: rows of {own} features and centres of {others}");
    let squares = |rows: &Tensor<2>| rows.clone().square().sum_dim(1);
    let products = features.clone().matmul(centres.clone().transpose()).mul_scalar(-2.0);
    let distances = products + squares(&features) + squares(&centres).transpose();
    log_softmax(distances.clamp_min(0.0).add_scalar(1.0).log().neg(), 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, values};
    use burn::tensor::Device;

    #[test]
    fn value_and_gradient_are_those_of_the_formula() {
        let logits = matrix([4, 3], 1).mul_scalar(2.0).detach().require_grad();
        let (value, [gradient]) =
            differentiate([&logits], |[z]| clustering_divergence(log_softmax(z, 1)));
        let p: Vec<f64> = values(&log_softmax(logits, 1)).iter().map(|log| log.exp()).collect();
        let mass: Vec<f64> = (0..3).map(|k| (0..4).map(|row| p[row * 3 + k]).sum()).collect();
        let raw: Vec<f64> = (0..12).map(|at| p[at] * p[at] / mass[at % 3]).collect();
        let q: Vec<f64> = (0..12)
            .map(|at| raw[at] / raw[at / 3 * 3..at / 3 * 3 + 3].iter().sum::<f64>())
            .collect();
        let want = q.iter().zip(&p).map(|(q, p)| q * (q / p).ln()).sum::<f64>() / 4.0;
        assert_close(&[value], &[want], 1e-5);
        let want: Vec<f64> = p.iter().zip(&q).map(|(p, q)| (p - q) / 4.0).collect();
        assert_close(&gradient, &want, 1e-4);
    }

    #[test]
    fn assignments_are_those_of_students_t_and_have_its_gradient() {
        let (features, centres) = (matrix([2, 3], 1), matrix([4, 3], 2));
        let weights = matrix([2, 4], 3).detach();
        let loss = |f: &[f64], c: &[f64]| -> f64 {
            let near = |row: usize, k: usize| {
                let squares = (0..3).map(|at| (f[row * 3 + at] - c[k * 3 + at]).powi(2));
                1.0 / (1.0 + squares.sum::<f64>())
            };
            let of_row = |row: usize| {
                let sum: f64 = (0..4).map(|k| near(row, k)).sum();
                (0..4)
                    .map(|k| values(&weights)[row * 4 + k] * (near(row, k) / sum).ln())
                    .sum::<f64>()
            };
            of_row(0) + of_row(1)
        };
        let (value, [of_features, of_centres]) = differentiate([&features, &centres], |[f, c]| {
            (log_assignments(f, c) * weights.clone()).sum()
        });
        let (f, c) = (values(&features), values(&centres));
        assert_close(&[value], &[loss(&f, &c)], 1e-5);
        const STEP: f64 = 1e-5;
        let moved = |all: &[f64], at: usize, by: f64| {
            let mut all = all.to_vec();
            all[at] += by;
            all
        };
        let slope = |up: f64, down: f64| (up - down) / (2.0 * STEP);
        let want: Vec<f64> = (0..6)
            .map(|at| slope(loss(&moved(&f, at, STEP), &c), loss(&moved(&f, at, -STEP), &c)))
            .collect();
        assert_close(&of_features, &want, 1e-3);
        let want: Vec<f64> = (0..12)
            .map(|at| slope(loss(&f, &moved(&c, at, STEP)), loss(&f, &moved(&c, at, -STEP))))
            .collect();
        assert_close(&of_centres, &want, 1e-3);
    }

    #[test]
    fn certain_rows_identical_rows_and_empty_clusters_are_finite() {
        let device = Device::flex().autodiff();
        let certain = Tensor::<2>::from_data([[1e4, -1e4, 0.0], [1e4, 0.0, 0.0]], &device);
        let (value, [gradient]) =
            differentiate([&certain], |[z]| clustering_divergence(log_softmax(z, 1)));
        assert!(value.abs() < 1e-6, "{value}");
        assert!(gradient.iter().all(|slope| slope.abs() < 1e-6), "{gradient:?}");
        let same = Tensor::<2>::ones([3, 2], &device);
        let centres = Tensor::<2>::from_data([[1.0, 1.0], [1e4, -1e4]], &device);
        let (value, [gradient, of_centres]) =
            differentiate([&same, &centres], |[f, c]| clustering_divergence(log_assignments(f, c)));
        let all = gradient.iter().chain(&of_centres).chain([&value]);
        assert!(all.into_iter().all(|value| value.is_finite()), "{gradient:?} {of_centres:?}");
    }
}
