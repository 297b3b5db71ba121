//! Pseudo-labels above a confidence threshold (FixMatch).

use crate::checks::assert_not_empty;
use crate::classification::generalized_cross_entropy_per_sample;
use burn::tensor::{Int, Tensor, activation::softmax};

/// Labels that a network gives to rows, and how far they are to be trusted.
#[derive(Clone, Debug)]
pub struct PseudoLabels {
    /// The most probable class of each row, `[batch]`.
    pub labels: Tensor<1, Int>,
    /// 1 for rows whose largest probability exceeds the threshold, else 0; `[batch]`.
    pub mask: Tensor<1>,
}

/// The most probable class of each row and whether its probability exceeds `threshold`.
///
/// The comparison is strict. No gradient flows into `logits`.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
///
/// # Panics
/// If the batch is empty.
pub fn pseudo_labels(logits: Tensor<2>, threshold: f64) -> PseudoLabels {
    assert_not_empty("pseudo_labels", &logits);
    let (confidence, labels) = softmax(logits.inner(), 1).max_dim_with_indices(1);
    PseudoLabels {
        labels: labels.squeeze_dim::<1>(1),
        mask: confidence.greater_elem(threshold).float().squeeze_dim::<1>(1),
    }
}

/// Loss of one view of the rows against the trusted pseudo-labels of another view.
///
/// ```text
/// loss = 1/n sum_i mask_i L(strong_i, argmax weak_i),   mask_i = [max softmax(weak_i) > threshold]
/// ```
///
/// `L` is the generalised cross-entropy of this exponent; of 0, the cross-entropy of the paper.
///
/// The sum is divided by all `n` rows, not by the trusted ones, so the loss grows as predictions
/// become certain; 0 if no row is trusted. No gradient flows into `weak_logits`.
///
/// Source: Sohn et al., "FixMatch", 2020, eq. 4; Lee, "Pseudo-label", 2013, when both views are
/// the same. Peers: tllib.
///
/// # Shapes
/// - `weak_logits`, `strong_logits`: `[batch, classes]`, the same rows
/// - result: `[1]`, at least 0
///
/// # Panics
/// If shapes differ, the batch is empty or the exponent is outside `[0, 1]`.
pub fn pseudo_label_loss(
    weak_logits: Tensor<2>,
    strong_logits: Tensor<2>,
    threshold: f64,
    exponent: f64,
) -> Tensor<1> {
    assert_eq!(
        weak_logits.dims(),
        strong_logits.dims(),
        "pseudo_label_loss: both views need the same shape"
    );
    let PseudoLabels { labels, mask } = pseudo_labels(weak_logits, threshold);
    (generalized_cross_entropy_per_sample(strong_logits, labels, exponent) * mask).mean()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, values};
    use burn::tensor::Device;

    #[test]
    fn untrusted_rows_count_in_the_divisor_only() {
        let device = Device::flex().autodiff();
        let weak = Tensor::<2>::from_data([[4.0, 0.0], [0.1, 0.0]], &device);
        let strong = Tensor::<2>::from_data([[0.0, 0.0], [9.0, -9.0]], &device);
        let (value, [weak_gradient, strong_gradient]) =
            differentiate([&weak, &strong], |[w, s]| pseudo_label_loss(w, s, 0.9, 0.0));
        assert_close(&[value], &[2.0_f64.ln() / 2.0], 1e-6);
        assert_eq!(weak_gradient, [0.0; 4]);
        assert_close(&strong_gradient, &[-0.25, 0.25, 0.0, 0.0], 1e-6);
    }

    #[test]
    fn the_threshold_is_strict() {
        let logits = Tensor::<2>::zeros([1, 2], &Device::flex());
        assert_eq!(values(&pseudo_labels(logits.clone(), 0.5).mask), [0.0]);
        assert_eq!(values(&pseudo_labels(logits, 0.49).mask), [1.0]);
    }
}
