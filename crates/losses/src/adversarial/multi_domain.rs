//! A discriminator of more than two domains.

use crate::classification::cross_entropy;
use crate::target::entropy;
use burn::tensor::{Int, Tensor};

/// Mean cross-entropy of the domain labels of `K + 1` domains.
///
/// `mean_i -log softmax(z_i)[domain_i]`: what the discriminator minimises, and the features
/// maximise behind a [`gradient_reversal`](super::gradient_reversal) layer.
///
/// Source: Huang et al., Interspeech 2022, for multi-domain adversarial training.
///
/// # Shapes
/// - `logits`: `[batch, domains]`
/// - `domains`: `[batch]`, each in `0..domains`
/// - result: `[1]`, at least 0
///
/// # Panics
/// If the batch is empty or the number of labels is not the number of rows.
pub fn multi_domain_cross_entropy(logits: Tensor<2>, domains: Tensor<1, Int>) -> Tensor<1> {
    cross_entropy(logits, domains)
}

/// Negative mean entropy of the domain prediction: least when every domain is equally likely.
///
/// `mean_i sum_k p_ik log p_ik` with `p = softmax(z)`, between `-log(domains)` and 0. Minimised
/// over the features it makes the domains indistinguishable without following a reversed
/// cross-entropy past that point.
///
/// # Shapes
/// - `logits`: `[batch, domains]`
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty.
pub fn domain_confusion(logits: Tensor<2>) -> Tensor<1> {
    entropy(logits).neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate};
    use burn::tensor::Device;

    #[test]
    fn confusion_is_least_for_equal_logits() {
        let equal = Tensor::ones([3, 5], &Device::flex().autodiff());
        let (value, [gradient]) = differentiate([&equal], |[z]| domain_confusion(z));
        assert_close(&[value], &[-5.0_f64.ln()], 1e-6);
        assert!(gradient.iter().all(|slope| slope.abs() < 1e-7));
    }
}
