//! Maximum mean discrepancy with the linear kernel.

use crate::checks::assert_domains;
use burn::tensor::Tensor;

/// Squared distance of the domains' means: `|mean_i s_i - mean_j t_j|^2`.
///
/// The maximum mean discrepancy over all pairs, a row with itself included, with the kernel
/// `k(x, y) = x . y`. Never negative.
///
/// Source: Tzeng et al., "Deep domain confusion", 2014, eq. 1 (its square).
///
/// # Shapes
/// - `source`: `[source rows, features]`
/// - `target`: `[target rows, features]`; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain is empty or features differ in number.
pub fn mmd_linear(source: Tensor<2>, target: Tensor<2>) -> Tensor<1> {
    assert_domains("mmd_linear", &source, &target, 1);
    (source.mean_dim(0) - target.mean_dim(0)).square().sum()
}

/// [`mmd_linear`] over pairs of different rows: unbiased, possibly negative.
///
/// `mean_{i != j} s_i . s_j + mean_{i != j} t_i . t_j - 2 mean_{i, j} s_i . t_j`.
///
/// # Shapes
/// - `source`: `[source rows, features]`, at least 2 rows
/// - `target`: `[target rows, features]`, at least 2 rows; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain has fewer than 2 rows or features differ in number.
pub fn mmd_linear_unbiased(source: Tensor<2>, target: Tensor<2>) -> Tensor<1> {
    assert_domains("mmd_linear_unbiased", &source, &target, 2);
    // Within a domain the mean over all pairs has the variance, divided by the rows, too much.
    let excess = |rows: &Tensor<2>| {
        let count = rows.dims()[0] as f64;
        let centred = rows.clone() - rows.clone().mean_dim(0);
        centred.square().sum().div_scalar(count * (count - 1.0))
    };
    let excess = excess(&source) + excess(&target);
    mmd_linear(source, target) - excess
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, matrix, scalar, values};

    #[test]
    fn both_are_means_of_inner_products() {
        let (source, target) = (matrix([4, 3], 1), matrix([6, 3], 2).add_scalar(0.5));
        let rows = |rows: &Tensor<2>| -> Vec<Vec<f64>> {
            values(rows).chunks(3).map(<[f64]>::to_vec).collect()
        };
        let (s, t) = (rows(&source), rows(&target));
        let mean = |a: &[Vec<f64>], b: &[Vec<f64>], without: bool| {
            let (mut sum, mut count) = (0.0, 0.0);
            for (i, a) in a.iter().enumerate() {
                for (j, b) in b.iter().enumerate() {
                    if without && i == j {
                        continue;
                    }
                    sum += a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                    count += 1.0;
                }
            }
            sum / count
        };
        let want =
            |without| mean(&s, &s, without) + mean(&t, &t, without) - 2.0 * mean(&s, &t, false);
        let biased = scalar(&mmd_linear(source.clone(), target.clone()));
        let unbiased = scalar(&mmd_linear_unbiased(source, target));
        assert_close(&[biased, unbiased], &[want(false), want(true)], 1e-5);
    }

    #[test]
    #[should_panic(expected = "at least 2 rows")]
    fn an_unbiased_estimate_refuses_a_single_row() {
        mmd_linear_unbiased(matrix([1, 3], 1), matrix([4, 3], 2));
    }
}
