//! Margin disparity discrepancy.

use burn::tensor::{Bool, Int, Tensor, activation::softmax};

use crate::checks::assert_domains;
use crate::classification::cross_entropy;

/// What the published code adds to the probability inside the logarithm.
const SHIFT: f64 = 1e-6;

/// How far an adversarial classifier disagrees with the main one on the target while it agrees on
/// the source, as a loss that the adversarial classifier minimises.
///
/// ```text
/// y = argmax of the main logits, constant
/// loss = margin * mean_i CE(a_s,i, y_s,i) - mean_j log(min(1 - softmax(a_t,j)[y_t,j] + 1e-6, 1))
/// ```
///
/// The features maximise it: put a [`gradient_reversal`](super::gradient_reversal) between them and
/// the adversarial classifier. `margin` is `exp(rho)` of the paper, 4 for Office-31.
///
/// Source: Zhang, Liu, Long, Jordan, "Bridging theory and algorithm for domain adaptation", ICML
/// 2019, eq. 30. Peers: tllib returns the negative and needs equal counts; skada indexes the
/// probabilities of all rows by the labels of all rows, so that each row is compared with every
/// row's class.
///
/// # Shapes
/// - `source_logits`, `source_adversarial`: `[source rows, classes]`
/// - `target_logits`, `target_adversarial`: `[target rows, classes]`; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain is empty or the shapes do not fit.
pub fn margin_disparity(
    source_logits: Tensor<2>,
    source_adversarial: Tensor<2>,
    target_logits: Tensor<2>,
    target_adversarial: Tensor<2>,
    margin: f64,
) -> Tensor<1> {
    assert_domains("margin_disparity", &source_adversarial, &target_adversarial, 1);
    let source = cross_entropy(source_adversarial, predicted(source_logits));
    source.mul_scalar(margin) - target_margin_disparity(target_logits, target_adversarial)
}

/// The target's part of [`margin_disparity`], `mean_j log(min(1 - p_j + 1e-6, 1))` of the probability
/// `p_j` that the adversarial classifier gives to the class that the main one predicts: at most 0,
/// which it nears as they disagree.
///
/// `1 - p_j` is the sum of the other classes' probabilities, so that no digits are lost near 0.
///
/// # Shapes
/// - `logits`, `adversarial`: `[batch, classes]`
/// - result: `[1]`
///
/// # Panics
/// If the shapes differ.
pub fn target_margin_disparity(logits: Tensor<2>, adversarial: Tensor<2>) -> Tensor<1> {
    let [rows, classes] = adversarial.dims();
    assert_eq!(
        logits.dims(),
        [rows, classes],
        "target_margin_disparity: both classifiers need the same rows and classes"
    );
    let own = predicted(logits).unsqueeze_dim::<2>(1);
    let columns = Tensor::<1, Int>::arange(0..classes as i64, &own.device()).unsqueeze::<2>();
    let is_own: Tensor<2, Bool> =
        columns.expand([rows, classes]).equal(own.expand([rows, classes]));
    let others = softmax(adversarial, 1).mask_fill(is_own, 0.0).sum_dim(1);
    others.add_scalar(SHIFT).clamp_max(1.0).log().mean()
}

/// The classes that logits predict `[batch]`, off the tape.
fn predicted(logits: Tensor<2>) -> Tensor<1, Int> {
    logits.detach().inner().argmax(1).squeeze_dim::<1>(1)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, scalar, values};

    /// skada averages `log(1 - p[i, y_j])` over all pairs of rows i and j.
    #[test]
    fn each_target_row_is_compared_with_its_own_class() {
        let (main, adversarial) = (matrix([5, 3], 1), matrix([5, 3], 2));
        let rows = values(&main);
        let probabilities = values(&softmax(adversarial.clone().inner(), 1));
        let class = |row: &[f64]| (0..3).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
        let term = |row: usize, class: usize| (1.0 - probabilities[3 * row + class] + SHIFT).ln();
        let classes: Vec<usize> = rows.chunks(3).map(class).collect();
        let own = (0..5).map(|row| term(row, classes[row])).sum::<f64>() / 5.0;
        let pairs = (0..5).flat_map(|row| classes.iter().map(move |class| term(row, *class)));
        let all = pairs.sum::<f64>() / 25.0;
        let got = scalar(&target_margin_disparity(main, adversarial));
        assert_close(&[got], &[own], 1e-5);
        assert!((got - all).abs() > 1e-3, "{got} is skada's {all}");
    }

    #[test]
    fn main_logits_get_no_gradient_and_counts_may_differ() {
        let inputs =
            [&matrix([4, 3], 1), &matrix([4, 3], 2), &matrix([7, 3], 3), &matrix([7, 3], 4)];
        let (value, gradients) =
            differentiate(inputs, |[s, a, t, b]| margin_disparity(s, a, t, b, 4.0));
        assert!(value.is_finite());
        let size = |gradient: &[f64]| gradient.iter().map(|slope| slope.abs()).sum::<f64>();
        assert_eq!((size(&gradients[0]), size(&gradients[2])), (0.0, 0.0));
        assert!(size(&gradients[1]) > 0.1 && size(&gradients[3]) > 0.01);
    }

    #[test]
    fn certain_classifiers_have_a_finite_loss_and_gradient() {
        let device = Device::flex().autodiff();
        let certain = Tensor::from_data([[1e4, -1e4, 0.0], [-1e4, 0.0, 1e4]], &device);
        let opposite = certain.clone().neg();
        for adversarial in [&certain, &opposite] {
            let inputs = [&certain, adversarial];
            let (value, gradients) =
                differentiate(inputs, |[z, a]| margin_disparity(z.clone(), a.clone(), z, a, 4.0));
            assert!(value.is_finite(), "{value}");
            assert!(gradients[1].iter().all(|slope| slope.is_finite()), "{gradients:?}");
        }
    }
}
