//! Binary cross-entropy on logits.

use burn::tensor::Tensor;

use crate::checks::assert_not_empty;

/// Binary cross-entropy of each row, the mean over its columns, each a question of its own:
/// `mean_j max(z, 0) - y z + log(1 + exp(-|z|))`.
///
/// Exact for logits of any size, as is the gradient `(sigmoid(z) - y) / columns`.
///
/// # Shapes
/// - `logits`: `[batch, columns]`
/// - `labels`: `[batch, columns]`, each in `[0, 1]`
/// - result: `[batch]`, at least 0
///
/// # Panics
/// If the batch is empty or the shapes differ.
pub fn binary_cross_entropy_per_sample(logits: Tensor<2>, labels: Tensor<2>) -> Tensor<1> {
    assert_not_empty("binary_cross_entropy_per_sample", &logits);
    assert_eq!(
        logits.dims(),
        labels.dims(),
        "binary_cross_entropy_per_sample: needs one label for each logit"
    );
    let rest = logits.clone().abs().neg().exp().log1p();
    let losses = logits.clone().clamp_min(0.0) - labels * logits + rest;
    losses.mean_dim(1).squeeze_dim::<1>(1)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::testing::{assert_close, differentiate, values};

    #[test]
    fn value_and_gradient_are_those_of_the_formula_at_any_size() {
        let device = Device::flex().autodiff();
        let logits = Tensor::<2>::from_floats([[0.5, -2.0], [90.0, -90.0]], &device).require_grad();
        let labels = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 0.0]], &device);
        let losses = values(&binary_cross_entropy_per_sample(logits.clone(), labels.clone()));
        let softplus = |z: f64| (1.0 + z.exp()).ln();
        assert_close(&losses, &[(softplus(-0.5) + softplus(-2.0)) / 2.0, 45.0], 1e-6);
        let (_, [gradient]) = differentiate([&logits], |[z]| {
            binary_cross_entropy_per_sample(z, labels.clone()).sum()
        });
        let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
        let expected = [(sigmoid(0.5) - 1.0) / 2.0, sigmoid(-2.0) / 2.0, 0.5, 0.0];
        assert_close(&gradient, &expected, 1e-6);
    }
}
