//! How far samples are of classes that both domains have (UAN).

use burn::tensor::{
    Tensor,
    activation::{log_softmax, sigmoid},
};

use crate::checks::assert_not_empty;

/// `H(p) / log K - D`, with `p = softmax(z / temperature)` over `K` classes and `D` the sigmoid of a
/// domain classifier's logit, which is large where a row looks like the source's. Between -1 and 1,
/// off the tape.
///
/// Of source rows, those of classes that the target has too are uncertain and look less like the
/// source: the value is large. Of target rows those are the certain ones that look like the source:
/// the value is small. Of one class the entropy is 0.
///
/// Source: You, Long, Cao, Wang, Jordan, "Universal domain adaptation", CVPR 2019, eqs. 7 and 8: the
/// source's criterion; the target's is its negative. The temperature is that of the authors' code.
///
/// # Shapes
/// - `domain_logits`: `[batch, 1]`
/// - `logits`: `[batch, classes]`
/// - result: `[batch]`
///
/// # Panics
/// If the batch is empty, the numbers of rows differ or the temperature is not positive.
pub fn sample_transferability(
    domain_logits: Tensor<2>,
    logits: Tensor<2>,
    temperature: f64,
) -> Tensor<1> {
    assert_not_empty("sample_transferability", &logits);
    let [rows, classes] = logits.dims();
    assert_eq!(domain_logits.dims(), [rows, 1], "sample_transferability: one domain logit a row");
    assert!(temperature > 0.0, "sample_transferability: the temperature must be positive");
    let logarithms = log_softmax(logits.detach().div_scalar(temperature), 1);
    let entropy = (logarithms.clone().exp() * logarithms).sum_dim(1).neg();
    let largest = (classes as f64).ln();
    let share = if classes > 1 { entropy.div_scalar(largest) } else { entropy };
    (share - sigmoid(domain_logits.detach())).squeeze_dim::<1>(1)
}

/// Values brought to weights: `(x - min) / (max - min)`, divided by their mean; all 1 where all values
/// are equal.
///
/// Source: the code of You et al., 2019.
///
/// # Panics
/// If there is none.
pub fn weights_over_range(values: Tensor<1>) -> Tensor<1> {
    assert!(values.dims()[0] > 0, "weights_over_range: needs a value");
    let above = values.clone() - values.min();
    let mean = above.clone().mean();
    // Of equal values all are the least one.
    let equal = mean.clone().lower_equal_elem(0.0).float();
    above / (mean + equal.clone()) + equal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, matrix, values};
    use burn::tensor::Device;

    #[test]
    fn the_value_is_that_of_the_formula() {
        let (domains, logits) = (matrix([4, 1], 1), matrix([4, 3], 2));
        let found = values(&sample_transferability(domains.clone(), logits.clone(), 0.5));
        let want: Vec<f64> = values(&logits)
            .chunks(3)
            .zip(values(&domains))
            .map(|(row, domain)| {
                let sum: f64 = row.iter().map(|z| (2.0 * z).exp()).sum();
                let p = row.iter().map(|z| (2.0 * z).exp() / sum);
                let entropy = -p.map(|p| p * p.ln()).sum::<f64>();
                entropy / 3.0_f64.ln() - 1.0 / (1.0 + (-domain).exp())
            })
            .collect();
        assert_close(&found, &want, 1e-5);
    }

    #[test]
    fn extreme_rows_and_a_single_class_are_within_bounds() {
        let device = Device::flex();
        let domains = Tensor::<2>::from_data([[1e4], [-1e4]], &device);
        let logits = Tensor::<2>::from_data([[1e4, -1e4], [0.0, 0.0]], &device);
        let found = values(&sample_transferability(domains.clone(), logits.clone(), 1.0));
        assert_close(&found, &[-1.0, 1.0], 1e-6);
        let found = values(&sample_transferability(domains, logits.narrow(1, 0, 1), 1.0));
        assert_close(&found, &[-1.0, 0.0], 1e-6);
    }

    #[test]
    fn weights_have_the_mean_1_and_the_least_is_0() {
        let of = |values_: &[f32]| {
            values(&weights_over_range(Tensor::from_floats(values_, &Device::flex())))
        };
        assert_close(&of(&[-0.5, 0.0, 1.0]), &[0.0, 0.75, 2.25], 1e-6);
        assert_eq!(of(&[0.3, 0.3, 0.3]), [1.0; 3]);
        assert_eq!(of(&[-0.2]), [1.0]);
    }
}
