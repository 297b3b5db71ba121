//! The domain loss of DANN.

use burn::tensor::{Tensor, activation::log_sigmoid};

/// Binary cross-entropy of a domain discriminator, half the sum of the two domains' means.
///
/// ```text
/// loss = 1/2 [mean_i -log sigmoid(z_s,i) + mean_j -log(1 - sigmoid(z_t,j))]
/// ```
///
/// The source has the label 1. Logits go in, not probabilities: the value is exact for logits of
/// any size, and so is the gradient `(sigmoid(z) - label) / (2 rows)`. A sigmoid followed by a
/// cross-entropy of probabilities has a wrong gradient once a logit exceeds about 27, and a
/// softmax over the single output, as in one published discriminator, has none at all.
///
/// The features go through [`gradient_reversal`](super::gradient_reversal) before the
/// discriminator. Log 2 when the discriminator cannot tell the domains apart; at least 0.
///
/// Source: Ganin et al., "Domain-adversarial training of neural networks", 2016. Peers:
/// tllib, CDAN and AdaTime label the source 1; skada and pytorch-adapt 0; skada adds the two means
/// without the half. tllib needs equal counts.
///
/// # Shapes
/// - `source_logits`: `[source rows, 1]`
/// - `target_logits`: `[target rows, 1]`; counts may differ
/// - result: `[1]`
///
/// # Panics
/// If a domain is empty or has more than one column of logits.
pub fn dann_domain_bce(source_logits: Tensor<2>, target_logits: Tensor<2>) -> Tensor<1> {
    assert_logits(&source_logits, &target_logits);
    // The logit of the true domain is z for the source and -z for the target.
    let source = log_sigmoid(source_logits).mean();
    let target = log_sigmoid(target_logits.neg()).mean();
    (source + target).mul_scalar(-0.5)
}

/// [`dann_domain_bce`] with a weight for each row.
///
/// `1/2 [mean_i w_s,i bce_s,i + mean_j w_t,j bce_t,j]`; divide the weights by their mean first
/// where the loss should keep its size. With equal counts and weights of mean one over both
/// domains this is the entropy-conditioned loss of CDAN+E (Long et al., "Conditional adversarial
/// domain adaptation", 2018).
///
/// # Shapes
/// - `source_logits`: `[source rows, 1]`, `source_weights`: `[source rows]`
/// - `target_logits`: `[target rows, 1]`, `target_weights`: `[target rows]`
/// - result: `[1]`
///
/// # Panics
/// If a domain is empty, has more than one column of logits, or weights and rows differ in number.
pub fn dann_domain_bce_weighted(
    source_logits: Tensor<2>,
    target_logits: Tensor<2>,
    source_weights: Tensor<1>,
    target_weights: Tensor<1>,
) -> Tensor<1> {
    assert_logits(&source_logits, &target_logits);
    let weighted = |logits: Tensor<2>, weights: Tensor<1>| {
        assert_eq!(
            logits.dims()[0],
            weights.dims()[0],
            "dann_domain_bce_weighted: needs one weight for each row"
        );
        (log_sigmoid(logits) * weights.unsqueeze_dim::<2>(1)).mean()
    };
    let source = weighted(source_logits, source_weights);
    let target = weighted(target_logits.neg(), target_weights);
    (source + target).mul_scalar(-0.5)
}

#[track_caller]
fn assert_logits(source: &Tensor<2>, target: &Tensor<2>) {
    for (domain, [rows, columns]) in [("source", source.dims()), ("target", target.dims())] {
        assert!(
            rows > 0 && columns == 1,
            "dann_domain_bce: {domain} logits must be [at least 1, 1], got [{rows}, {columns}]"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, scalar};
    use burn::tensor::{Device, TensorData};

    fn logits<const N: usize>(values: [f32; N]) -> Tensor<2> {
        let data = TensorData::new(values.to_vec(), [N, 1]);
        Tensor::from_data(data, &Device::flex().autodiff())
    }

    #[test]
    fn gradient_is_exact_for_large_logits() {
        let sizes = [-80.0_f32, -36.0, -27.0, 0.0, 5.0, 27.0, 36.0, 80.0];
        let inputs = [&logits(sizes), &logits(sizes)];
        let (value, [source, target]) = differentiate(inputs, |[s, t]| dann_domain_bce(s, t));
        let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        let sigmoid =
            |x: f64| if x > 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) };
        let want: f64 =
            sizes.iter().map(|x| softplus(-f64::from(*x)) + softplus(f64::from(*x))).sum::<f64>()
                / 16.0;
        assert_close(&[value], &[want], 1e-6);
        // Entry by entry, so that the smallest gradients count as much as the largest.
        for (index, x) in sizes.iter().map(|x| f64::from(*x)).enumerate() {
            let relative = |got: f64, want: f64| (got / want - 1.0).abs();
            assert!(relative(source[index], -sigmoid(-x) / 16.0) < 1e-5, "source at {x}");
            assert!(relative(target[index], sigmoid(x) / 16.0) < 1e-5, "target at {x}");
        }
    }

    #[test]
    fn domains_count_equally_whatever_their_rows() {
        let (value, [source, target]) =
            differentiate([&logits([0.0; 3]), &logits([0.0; 12])], |[s, t]| dann_domain_bce(s, t));
        assert_close(&[value], &[2.0_f64.ln()], 1e-6);
        assert_close(&[source.iter().sum::<f64>()], &[-0.25], 1e-6);
        assert_close(&[target.iter().sum::<f64>()], &[0.25], 1e-6);
    }

    #[test]
    fn weights_of_one_change_nothing() {
        let (source, target) = (matrix([4, 1], 1), matrix([6, 1], 2));
        let ones = |rows: usize| Tensor::<1>::ones([rows], &Device::flex());
        let plain = dann_domain_bce(source.clone(), target.clone());
        let weighted = dann_domain_bce_weighted(source.clone(), target.clone(), ones(4), ones(6));
        assert_eq!(scalar(&plain), scalar(&weighted));
        let doubled = dann_domain_bce_weighted(
            source,
            target,
            ones(4).mul_scalar(2.0),
            ones(6).mul_scalar(2.0),
        );
        assert_close(&[scalar(&doubled)], &[2.0 * scalar(&plain)], 1e-6);
    }

    #[test]
    #[should_panic(expected = "source logits must be [at least 1, 1], got [4, 2]")]
    fn refuses_two_columns() {
        dann_domain_bce(matrix([4, 2], 1), matrix([4, 2], 2));
    }
}
