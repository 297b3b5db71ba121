//! Weights of source rows by how alike to the target they look.

use burn::tensor::{
    Tensor,
    activation::{log_sigmoid, softmax},
};

use crate::checks::assert_not_empty;

/// `w_i = (1 - D_i) / mean_k (1 - D_k)`, with `D = sigmoid(z)` the probability that a domain
/// classifier gives to a source row of being the source's: rows that look like the target's weigh
/// more than 1. The mean is 1, also where every `1 - D` is 0 in floating point. Off the tape.
///
/// Source: Zhang, Ding, Li, Ogunbona, "Importance weighted adversarial nets for partial domain
/// adaptation", CVPR 2018, eqs. 8 and 9. Peers: tllib.
///
/// # Shapes
/// - `source_logits`: `[source rows, 1]`, positive where a row looks like the source's
/// - result: `[source rows]`
///
/// # Panics
/// If there is no row or more than one column.
pub fn target_likeness_weights(source_logits: Tensor<2>) -> Tensor<1> {
    assert_not_empty("target_likeness_weights", &source_logits);
    let [rows, columns] = source_logits.dims();
    assert_eq!(columns, 1, "target_likeness_weights: needs one logit a row, got {columns}");
    let logarithms = log_sigmoid(source_logits.detach().neg()).squeeze_dim::<1>(1);
    softmax(logarithms, 0).mul_scalar(rows as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, matrix, values};
    use burn::tensor::Device;

    #[test]
    fn rows_weigh_by_how_little_they_look_like_the_source() {
        let logits = matrix([5, 1], 3).mul_scalar(3.0);
        let others: Vec<f64> = values(&logits).iter().map(|z| 1.0 / (1.0 + z.exp())).collect();
        let mean = others.iter().sum::<f64>() / 5.0;
        let want: Vec<f64> = others.iter().map(|other| other / mean).collect();
        assert_close(&values(&target_likeness_weights(logits)), &want, 1e-5);
    }

    #[test]
    fn a_classifier_that_is_never_wrong_gives_weights_of_mean_1() {
        let of = |values_: [[f32; 1]; 3]| {
            values(&target_likeness_weights(Tensor::from_data(values_, &Device::flex())))
        };
        assert_close(&of([[1e4], [1e4], [1e4]]), &[1.0; 3], 1e-6);
        assert_close(&of([[-1e4], [1e4], [-1e4]]), &[1.5, 0.0, 1.5], 1e-6);
        assert_close(&[of([[500.0], [501.0], [900.0]]).iter().sum()], &[3.0], 1e-5);
    }

    #[test]
    #[should_panic(expected = "needs one logit a row, got 2")]
    fn refuses_two_columns() {
        target_likeness_weights(matrix([3, 2], 1));
    }
}
