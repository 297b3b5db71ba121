//! Higher-order moment matching (HoMM).

use crate::checks::assert_domains;
use burn::tensor::Tensor;

/// Mean squared difference of the third central moments.
///
/// ```text
/// M[a, b, c] = mean_i x_ia x_ib x_ic   (x centred within its domain)
/// loss = mean over d^3 entries of (M_s - M_t)^2
/// ```
///
/// The moment tensors are never formed: `sum M_s M_t = mean_ij (s_i . t_j)^3`, so that the cost
/// grows with `rows^2 d` instead of `rows d^3`. The price is rounding: the result is a difference
/// of sums about as large as the moments themselves.
///
/// Source: Chen et al., "HoMM: higher-order moment matching", 2020, with order 3. Peers:
/// AdaTime. The paper's random choice of entries for large `d` is not needed here.
///
/// # Shapes
/// - `source`: `[source rows, features]`
/// - `target`: `[target rows, features]`; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain is empty or features differ in number.
pub fn homm3(source: Tensor<2>, target: Tensor<2>) -> Tensor<1> {
    assert_domains("homm3", &source, &target, 1);
    let [_, columns] = source.dims();
    let [source, target] = [source, target].map(|rows| rows.clone() - rows.mean_dim(0));
    let moment = |left: Tensor<2>, right: Tensor<2>| {
        let products = left.matmul(right.transpose());
        (products.clone().square() * products).mean()
    };
    let within = moment(source.clone(), source.clone()) + moment(target.clone(), target.clone());
    let between = moment(source, target).mul_scalar(2.0);
    (within - between).div_scalar((columns as f64).powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, matrix, scalar, values};

    #[test]
    fn equals_the_difference_of_the_moment_tensors() {
        let (source, target) = (matrix([5, 3], 1), matrix([8, 3], 2));
        let moments = |rows: &Tensor<2>| {
            let rows = values(&(rows.clone() - rows.clone().mean_dim(0)));
            let mut moments = vec![0.0; 27];
            for row in rows.chunks(3) {
                for (index, moment) in moments.iter_mut().enumerate() {
                    *moment += row[index / 9] * row[index / 3 % 3] * row[index % 3];
                }
            }
            moments.iter().map(|sum| sum / (rows.len() / 3) as f64).collect::<Vec<_>>()
        };
        let want: f64 = moments(&source)
            .iter()
            .zip(moments(&target))
            .map(|(s, t)| (s - t).powi(2))
            .sum::<f64>()
            / 27.0;
        assert_close(&[scalar(&homm3(source, target))], &[want], 1e-4);
    }
}
