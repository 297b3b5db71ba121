//! Maximum classifier discrepancy.

use crate::checks::assert_not_empty;
use burn::tensor::{Tensor, activation::softmax};

/// What the published code adds inside the logarithm of the class balance.
const EPSILON: f64 = 1e-6;

/// How much two classifiers disagree: `mean over rows and classes of |p1 - p2|`, `p = softmax(z)`.
///
/// Between 0 and `2 / classes`. The classifiers maximise it on the target, the features minimise
/// it. Where two probabilities are equal the gradient is 0.
///
/// Source: Saito et al., "Maximum classifier discrepancy for unsupervised domain adaptation", CVPR
/// 2018. Peers: tllib and pytorch-adapt are the same.
///
/// # Shapes
/// - `first`, `second`: `[batch, classes]`
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty or the shapes differ.
pub fn classifier_discrepancy(first: Tensor<2>, second: Tensor<2>) -> Tensor<1> {
    assert_not_empty("classifier_discrepancy", &first);
    assert_eq!(
        first.dims(),
        second.dims(),
        "classifier_discrepancy: both classifiers need the same rows and classes"
    );
    (softmax(first, 1) - softmax(second, 1)).abs().mean()
}

/// How unevenly a batch is spread over the classes: `-mean_k log(mean_i p_ik + 1e-6)`.
///
/// Least, `log(classes)`, where all classes get the same probability on average.
///
/// Source: the code of Saito et al. and tllib, where it is called entropy.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty.
pub fn class_balance(logits: Tensor<2>) -> Tensor<1> {
    assert_not_empty("class_balance", &logits);
    softmax(logits, 1).mean_dim(0).add_scalar(EPSILON).log().mean().neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix};
    use burn::tensor::Device;

    #[test]
    fn certain_classifiers_that_disagree_have_the_largest_discrepancy() {
        let rows = |logits: [[f32; 3]; 2]| Tensor::from_data(logits, &Device::flex().autodiff());
        let first = rows([[80.0, 0.0, 0.0], [0.0, 80.0, 0.0]]);
        let second = rows([[0.0, 80.0, 0.0], [0.0, 0.0, 80.0]]);
        let discrepancy = |a, b| differentiate([a, b], |[a, b]| classifier_discrepancy(a, b)).0;
        assert_close(&[discrepancy(&first, &second)], &[2.0 / 3.0], 1e-6);
        assert_eq!(discrepancy(&first, &first), 0.0);
    }

    /// Two heads that start alike would stay alike for ever: MCD needs different initial weights.
    #[test]
    fn equal_classifiers_have_no_gradient() {
        let logits = matrix([5, 4], 1);
        let (_, [first, second]) =
            differentiate([&logits, &logits], |[a, b]| classifier_discrepancy(a, b));
        assert!(first.iter().chain(&second).all(|slope| *slope == 0.0));
    }

    #[test]
    fn the_balance_is_least_for_classes_that_come_equally_often() {
        let even = Tensor::from_data(
            [[9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 9.0]],
            &Device::flex().autodiff(),
        );
        let (least, _) = differentiate([&even], |[z]| class_balance(z));
        assert_close(&[least], &[3.0_f64.ln()], 1e-5);
        let (uneven, _) = differentiate([&even], |[z]| class_balance(z.narrow(0, 0, 2)));
        assert!(uneven > 2.0 * least, "{uneven} against {least}");
    }
}
