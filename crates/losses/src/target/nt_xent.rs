//! Contrast of two views (SimCLR).

use crate::checks::assert_not_empty;
use burn::tensor::{Int, Tensor};

/// What is taken from the similarity of a row with itself, so that it does not count.
const NEVER: f64 = 1e9;

/// Keeps a row of zeros from dividing zero by zero.
const SMALLEST: f64 = 1e-12;

/// Normalised, temperature-scaled cross-entropy: each row is to be more alike to the other view of
/// the same sample than to all other rows of both views.
///
/// ```text
/// z = rows of both views, of length 1;   s_ab = z_a . z_b / temperature
/// loss = mean_a -log(exp(s_aa') / sum_{b != a} exp(s_ab)),   a' the other view of a
/// ```
///
/// At least 0, where there is a single sample exactly 0; `log(2 rows - 1)` where all rows are alike.
///
/// Source: Chen et al., "A simple framework for contrastive learning of visual representations",
/// 2020, eq. 1.
///
/// # Shapes
/// - `first`, `second`: `[rows, values]`, row by row the same samples
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty, shapes differ or `temperature` is not positive.
pub fn nt_xent(first: Tensor<2>, second: Tensor<2>, temperature: f64) -> Tensor<1> {
    assert_not_empty("nt_xent", &first);
    assert_eq!(first.dims(), second.dims(), "nt_xent: the views differ in shape");
    assert!(temperature > 0.0, "nt_xent: temperature must be positive, got {temperature}");
    let [rows, _] = first.dims();
    let all = Tensor::cat(vec![first, second], 0);
    let lengths = all.clone().square().sum_dim(1).clamp_min(SMALLEST * SMALLEST).sqrt();
    let all = all / lengths;
    let similarities = all.clone().matmul(all.transpose()).div_scalar(temperature);
    let device = similarities.device();
    let own = Tensor::<2>::eye(2 * rows, &device).mul_scalar(NEVER);
    let partners: Vec<i64> = (0..2 * rows).map(|row| ((row + rows) % (2 * rows)) as i64).collect();
    let partners = Tensor::<1, Int>::from_ints(partners.as_slice(), &device);
    crate::classification::cross_entropy(similarities - own, partners)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, scalar, values};

    #[test]
    fn equals_the_definition_row_by_row() {
        let (first, second) = (matrix([4, 3], 1), matrix([4, 3], 2));
        let rows: Vec<Vec<f64>> = [values(&first), values(&second)]
            .concat()
            .chunks(3)
            .map(|row| {
                let length = row.iter().map(|value| value * value).sum::<f64>().sqrt();
                row.iter().map(|value| value / length).collect()
            })
            .collect();
        let alike = |a: usize, b: usize| -> f64 {
            (rows[a].iter().zip(&rows[b]).map(|(x, y)| x * y).sum::<f64>() / 0.5).exp()
        };
        let mut want = 0.0;
        for a in 0..8 {
            let others: f64 = (0..8).filter(|b| *b != a).map(|b| alike(a, b)).sum();
            want -= (alike(a, (a + 4) % 8) / others).ln() / 8.0;
        }
        assert_close(&[scalar(&nt_xent(first, second, 0.5))], &[want], 1e-5);
    }

    #[test]
    fn one_sample_equal_rows_and_rows_of_zeros_are_finite() {
        let one = matrix([1, 3], 3);
        assert!(scalar(&nt_xent(one.clone(), matrix([1, 3], 4), 0.1)).abs() < 1e-6);
        let equal = one.repeat_dim(0, 3);
        for rows in [equal.clone(), equal.mul_scalar(0.0)] {
            let (value, gradients) = differentiate([&rows, &rows], |[a, b]| nt_xent(a, b, 0.1));
            assert_close(&[value], &[5.0_f64.ln()], 1e-5);
            assert!(gradients.iter().flatten().all(|slope| slope.is_finite()));
        }
    }
}
