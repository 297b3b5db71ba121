//! A discriminator of more than two domains.

use crate::checks::assert_not_empty;
use crate::classification::cross_entropy;
use crate::target::entropy;
use burn::tensor::{Int, Tensor, activation::log_softmax};

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
/// Source: Huang, Fu, Zhang, Lee, "Improving distortion robustness of self-supervised speech
/// processing tasks with domain adaptation", Interspeech 2022.
///
/// # Shapes
/// - `logits`: `[batch, domains]`
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty.
pub fn negative_domain_entropy(logits: Tensor<2>) -> Tensor<1> {
    entropy(logits).neg()
}

/// Mean cross-entropy of the domain prediction against the uniform distribution, `-mean_ik log
/// p_ik`: least, `log(domains)`, when every domain is equally likely.
///
/// It grows without bound where a discriminator is certain, and so does not let go of rows that are
/// far off, as [`negative_domain_entropy`] does.
///
/// Source: Tzeng, Hoffman, Darrell, Saenko, "Simultaneous deep transfer across domains and tasks",
/// ICCV 2015, eq. 4.
///
/// # Shapes
/// - `logits`: `[batch, domains]`
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty.
pub fn domain_confusion(logits: Tensor<2>) -> Tensor<1> {
    assert_not_empty("domain_confusion", &logits);
    log_softmax(logits, 1).mean().neg()
}

/// The logits of a discriminator with one column a domain, of one that may have a single logit for
/// two domains: the target's column is 0 then, the source's the logit, so that the softmax of both is
/// the sigmoid.
///
/// # Shapes
/// - `logits`: `[batch, 1]` (positive: source) or `[batch, domains]`
/// - result: `[batch, 2]`, the target first, or the logits as they are
pub fn domain_columns(logits: Tensor<2>) -> Tensor<2> {
    match logits.dims() {
        [_, 1] => Tensor::cat(vec![logits.zeros_like(), logits], 1),
        _ => logits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversarial::dann_domain_bce;
    use crate::testing::{assert_close, differentiate, matrix, scalar};
    use burn::tensor::{Device, Tensor};

    #[test]
    fn both_are_least_for_equal_logits() {
        let equal = Tensor::ones([3, 5], &Device::flex().autodiff());
        for (loss, least) in [
            (negative_domain_entropy as fn(Tensor<2>) -> Tensor<1>, -5.0_f64.ln()),
            (domain_confusion, 5.0_f64.ln()),
        ] {
            let (value, [gradient]) = differentiate([&equal], |[z]| loss(z));
            assert_close(&[value], &[least], 1e-6);
            assert!(gradient.iter().all(|slope| slope.abs() < 1e-7));
        }
    }

    /// Where the discriminator is certain the entropy is flat and the cross-entropy steep.
    #[test]
    fn confusion_holds_on_to_rows_that_are_far_off() {
        let certain = Tensor::from_data([[30.0, 0.0]], &Device::flex().autodiff());
        let (_, [entropy]) = differentiate([&certain], |[z]| negative_domain_entropy(z));
        let (value, [confusion]) = differentiate([&certain], |[z]| domain_confusion(z));
        assert!(entropy.iter().all(|slope| slope.abs() < 1e-6));
        assert_close(&[value], &[15.0], 1e-6);
        assert_close(&confusion, &[0.5, -0.5], 1e-6);
    }

    #[test]
    fn a_single_logit_is_that_of_the_source() {
        let logits = matrix([6, 1], 2);
        let (source, target) = (logits.clone().narrow(0, 0, 3), logits.clone().narrow(0, 3, 3));
        let domains = Tensor::from_data([1, 1, 1, 0, 0, 0], &Device::flex());
        let columns = multi_domain_cross_entropy(domain_columns(logits), domains);
        assert_close(&[scalar(&columns)], &[scalar(&dann_domain_bce(source, target))], 1e-6);
        assert_eq!(domain_columns(matrix([2, 3], 1)).dims(), [2, 3]);
    }
}
