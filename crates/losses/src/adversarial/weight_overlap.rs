//! How alike the weights of two heads are (asymmetric tri-training).

use burn::tensor::Tensor;

/// `sum |W1ᵀ W2|` over all entries: 0 where every unit of one head looks at features that are
/// orthogonal to those of the other's.
///
/// Source: Saito, Ushiku, Harada, "Asymmetric tri-training for unsupervised domain adaptation", ICML
/// 2017, eq. 1.
///
/// # Shapes
/// - `first`, `second`: `[features, units]` each
/// - result: `[1]`, at least 0
///
/// # Panics
/// If the numbers of features differ.
pub fn weight_overlap(first: Tensor<2>, second: Tensor<2>) -> Tensor<1> {
    let (own, others) = (first.dims()[0], second.dims()[0]);
    assert_eq!(own, others, "weight_overlap: weights of {own} and of {others} features");
    first.transpose().matmul(second).abs().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, values};
    use burn::tensor::Device;

    #[test]
    fn value_and_gradient_are_those_of_the_formula() {
        let (first, second) = (matrix([4, 2], 1), matrix([4, 3], 2));
        let (value, [of_first, of_second]) =
            differentiate([&first, &second], |[a, b]| weight_overlap(a, b));
        let (a, b) = (values(&first), values(&second));
        let mut want = (0.0, vec![0.0; 8], vec![0.0; 12]);
        for (i, j) in (0..2).flat_map(|i| (0..3).map(move |j| (i, j))) {
            let product: f64 = (0..4).map(|f| a[f * 2 + i] * b[f * 3 + j]).sum();
            want.0 += product.abs();
            for f in 0..4 {
                want.1[f * 2 + i] += product.signum() * b[f * 3 + j];
                want.2[f * 3 + j] += product.signum() * a[f * 2 + i];
            }
        }
        assert_close(&[value], &[want.0], 1e-6);
        assert_close(&of_first, &want.1, 1e-5);
        assert_close(&of_second, &want.2, 1e-5);
    }

    #[test]
    fn heads_of_orthogonal_weights_do_not_overlap() {
        let rows = |values: [[f32; 1]; 2]| Tensor::from_data(values, &Device::flex());
        let loss = weight_overlap(rows([[3.0], [0.0]]), rows([[0.0], [-5.0]]));
        assert_eq!(values(&loss), [0.0]);
    }
}
