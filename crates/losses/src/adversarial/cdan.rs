//! What the conditional discriminator of CDAN sees, and how it weighs rows.

use burn::tensor::{Tensor, activation::softmax};

use crate::checks::assert_not_empty;

/// What the published code adds inside the logarithm of the entropy.
const EPSILON: f64 = 1e-5;

/// The outer product of each row's probabilities and features.
///
/// `h[i, c * features + k] = p[i, c] * f[i, k]`: one copy of the features a class, as large as the
/// class is likely. A discriminator of it compares the domains class by class.
///
/// Source: Long, Cao, Wang, Jordan, "Conditional adversarial domain adaptation", NeurIPS 2018, eq. 5.
/// Peers: tllib and the authors' code hold the probabilities constant in the gradient, skada does
/// not; detach them first for the former.
///
/// # Shapes
/// - `features`: `[batch, features]`
/// - `probabilities`: `[batch, classes]`
/// - result: `[batch, classes * features]`
///
/// # Panics
/// If the numbers of rows differ.
pub fn multilinear_map(features: Tensor<2>, probabilities: Tensor<2>) -> Tensor<2> {
    let [rows, size] = features.dims();
    let classes = assert_rows(rows, &probabilities);
    let product = probabilities.unsqueeze_dim::<3>(2) * features.unsqueeze_dim::<3>(1);
    product.reshape([rows, classes * size])
}

/// A random map of fixed size in place of the outer product: `(f R_f) * (p R_g) / sqrt(size)`, entry
/// by entry.
///
/// Of matrices of independent standard normal entries; inner products of its rows are those of the
/// outer product, up to a factor and on average.
///
/// Source: Long, Cao, Wang, Jordan, "Conditional adversarial domain adaptation", NeurIPS 2018, eq. 6.
/// Peers: tllib (size 1024) and pytorch-adapt scale alike.
///
/// # Shapes
/// - `features`: `[batch, features]`, `feature_map`: `[features, size]`
/// - `probabilities`: `[batch, classes]`, `probability_map`: `[classes, size]`
/// - result: `[batch, size]`
///
/// # Panics
/// If the numbers of rows or the sizes differ.
pub fn randomized_multilinear_map(
    features: Tensor<2>,
    probabilities: Tensor<2>,
    feature_map: Tensor<2>,
    probability_map: Tensor<2>,
) -> Tensor<2> {
    assert_rows(features.dims()[0], &probabilities);
    let [_, size] = feature_map.dims();
    assert_eq!(
        size,
        probability_map.dims()[1],
        "randomized_multilinear_map: both matrices need as many columns"
    );
    let product = features.matmul(feature_map) * probabilities.matmul(probability_map);
    product.div_scalar((size as f64).sqrt())
}

/// Weights of CDAN+E, `1 + exp(-H)` of each row's prediction, of mean 1 and constant in the gradient:
/// rows that are certain count up to twice.
///
/// `H = -sum_k p_k log(p_k + 1e-5)`.
///
/// Source: Long, Cao, Wang, Jordan, "Conditional adversarial domain adaptation", NeurIPS 2018, eq. 8.
/// Peers: tllib normalises over both domains and detaches, as here; the authors' code normalises
/// domain by domain and passes a reversed gradient through the entropy.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - result: `[batch]`
///
/// # Panics
/// If the batch is empty.
pub fn entropy_weights(logits: Tensor<2>) -> Tensor<1> {
    of_mean_one(certainty(logits).add_scalar(1.0))
}

/// Weights of GVB, `exp(-H)` of each row's prediction, of mean 1 and constant in the gradient.
///
/// Source: the code of Cui et al., "Gradually vanishing bridge for adversarial domain adaptation",
/// CVPR 2020, which also passes a reversed gradient through the entropy.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - result: `[batch]`
///
/// # Panics
/// If the batch is empty.
pub fn certainty_weights(logits: Tensor<2>) -> Tensor<1> {
    of_mean_one(certainty(logits))
}

/// `exp(-H)` of each row, off the tape.
fn certainty(logits: Tensor<2>) -> Tensor<1> {
    assert_not_empty("entropy_weights", &logits);
    let probabilities = softmax(logits.detach().inner(), 1);
    let logarithms = probabilities.clone().add_scalar(EPSILON).log();
    (probabilities * logarithms).sum_dim(1).squeeze_dim::<1>(1).exp()
}

fn of_mean_one(weights: Tensor<1>) -> Tensor<1> {
    let mean = weights.clone().mean();
    weights / mean
}

#[track_caller]
fn assert_rows(rows: usize, probabilities: &Tensor<2>) -> usize {
    let [found, classes] = probabilities.dims();
    assert_eq!(
        rows, found,
        "multilinear_map: {rows} rows of features and {found} of probabilities"
    );
    classes
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::testing::{assert_close, matrix, values};

    #[test]
    fn classes_come_one_after_the_other() {
        let device = Device::flex();
        let features = Tensor::from_data([[1.0, 2.0], [3.0, 4.0]], &device);
        let probabilities = Tensor::from_data([[0.25, 0.0, 0.75], [1.0, 0.0, 0.0]], &device);
        let product = multilinear_map(features, probabilities);
        let want = [0.25, 0.5, 0.0, 0.0, 0.75, 1.5, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0];
        assert_close(&values(&product), &want, 1e-6);
    }

    /// With many columns the inner products of rows approach those of the outer product.
    #[test]
    fn the_random_map_keeps_inner_products() {
        let (features, logits) = (matrix([4, 3], 1).inner(), matrix([4, 2], 2).inner());
        let probabilities = softmax(logits, 1);
        // Entries of mean 0 and variance 1, as normal ones.
        let random = |rows, seed| matrix([rows, 20_000], seed).inner().mul_scalar(3f64.sqrt());
        let exact = multilinear_map(features.clone(), probabilities.clone());
        let random =
            randomized_multilinear_map(features, probabilities, random(3, 3), random(2, 4));
        let products = |rows: Tensor<2>| values(&rows.clone().matmul(rows.transpose()));
        assert_close(&products(random), &products(exact), 0.06);
    }

    #[test]
    fn certain_rows_count_up_to_twice_and_all_together_as_many_as_there_are() {
        let logits = Tensor::from_data([[80.0, 0.0], [0.0, 0.0]], &Device::flex().autodiff());
        let weights = values(&entropy_weights(logits.clone()));
        // 1 + 1 and 1 + 1/2, over their mean.
        assert_close(&weights, &[2.0 / 1.75, 1.5 / 1.75], 1e-4);
        assert_close(&values(&certainty_weights(logits)), &[1.0 / 0.75, 0.5 / 0.75], 1e-4);
        let hidden = entropy_weights(matrix([3, 4], 1));
        assert!(!hidden.is_tracked(), "weights are constants");
        let huge = values(&entropy_weights(matrix([3, 4], 1).mul_scalar(1e4)));
        assert!(huge.iter().all(|weight| weight.is_finite()));
    }
}
