//! Higher-order moment matching (HoMM).

use crate::checks::assert_domains;
use burn::tensor::Tensor;

/// Mean squared difference of the central moments of an order.
///
/// ```text
/// M[a, b, ...] = mean_i x_ia x_ib ...   (`order` indices, x centred within its domain)
/// loss = mean over d^order entries of (M_s - M_t)^2
/// ```
///
/// The moment tensors are never formed: `sum M_s M_t = mean_ij (s_i . t_j)^order`, so that the cost
/// grows with `rows^2 d` instead of `rows d^order`. The price is rounding: the result is a
/// difference of sums about as large as the moments themselves, and may come out a little below 0.
///
/// Source: Chen et al., "HoMM: higher-order moment matching", 2020, of order 3 and 4. Peers:
/// AdaTime has order 3. The paper's random choice of entries for large `d` is not needed here.
///
/// # Shapes
/// - `source`: `[source rows, features]`
/// - `target`: `[target rows, features]`; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain is empty, features differ in number or `order` is 0.
pub fn homm(source: Tensor<2>, target: Tensor<2>, order: usize) -> Tensor<1> {
    assert_domains("homm", &source, &target, 1);
    assert!(order > 0, "homm: the order must be at least 1");
    let [_, columns] = source.dims();
    let [source, target] = [source, target].map(|rows| rows.clone() - rows.mean_dim(0));
    let moment = |left: Tensor<2>, right: Tensor<2>| {
        // Means over features keep the powers within the range of single precision.
        let products = left.matmul(right.transpose()).div_scalar(columns as f64);
        (1..order).fold(products.clone(), |power, _| power * products.clone()).mean()
    };
    let within = moment(source.clone(), source.clone()) + moment(target.clone(), target.clone());
    within - moment(source, target).mul_scalar(2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, scalar, values};

    #[test]
    fn equals_the_difference_of_the_moment_tensors() {
        let (source, target) = (matrix([5, 3], 1), matrix([8, 3], 2));
        for order in [2_u32, 3, 4] {
            let entries = 3_usize.pow(order);
            let moments = |rows: &Tensor<2>| {
                let rows = values(&(rows.clone() - rows.clone().mean_dim(0)));
                let mut moments = vec![0.0; entries];
                for row in rows.chunks(3) {
                    for (index, moment) in moments.iter_mut().enumerate() {
                        let factors = (0..order).map(|place| row[index / 3_usize.pow(place) % 3]);
                        *moment += factors.product::<f64>();
                    }
                }
                moments.iter().map(|sum| sum / (rows.len() / 3) as f64).collect::<Vec<_>>()
            };
            let differences = moments(&source).into_iter().zip(moments(&target));
            let want = differences.map(|(s, t)| (s - t).powi(2)).sum::<f64>() / entries as f64;
            let got = scalar(&homm(source.clone(), target.clone(), order as usize));
            assert_close(&[got], &[want], 1e-4);
        }
    }

    #[test]
    fn large_features_of_high_order_are_finite() {
        let rows = [matrix([6, 64], 1), matrix([5, 64], 2)].map(|rows| rows.mul_scalar(100.0));
        let (value, gradients) = differentiate([&rows[0], &rows[1]], |[s, t]| homm(s, t, 6));
        assert!(value.is_finite() && gradients.iter().flatten().all(|slope| slope.is_finite()));
    }
}
