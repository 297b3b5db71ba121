//! Agreement with what neighbours predict (NRC).

use crate::checks::assert_not_empty;
use burn::tensor::{Tensor, activation::softmax};

/// How little rows predict as their neighbours do: `-mean_i sum_k a_k S_k · p_i`, `p = softmax(z)`.
///
/// `targets` holds the sum over the neighbours, `sum_k a_k S_k`, of their probabilities `S_k` times
/// their affinities `a_k`; it is constant. Between minus the largest sum of affinities and 0.
///
/// Source: Yang, Wang, van de Weijer, Herranz, Jui, "Exploiting the intrinsic neighborhood structure
/// for source-free domain adaptation", NeurIPS 2021, eqs. 3 to 6. Peers: the authors' code has
/// `sum S log S - S · p` by a KL function that is given `p` in place of its logarithm: another value,
/// the same gradient.
///
/// # Shapes
/// - `logits`, `targets`: `[batch, classes]`
/// - result: `[1]`, at most 0
///
/// # Panics
/// If the batch is empty or the shapes differ.
pub fn neighbour_agreement(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    assert_not_empty("neighbour_agreement", &logits);
    assert_eq!(logits.dims(), targets.dims(), "neighbour_agreement: the shapes differ");
    (softmax(logits, 1) * targets.detach()).sum_dim(1).mean().neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, values};
    use burn::tensor::Device;

    #[test]
    fn value_and_gradient_are_those_of_the_formula() {
        let (logits, targets) = (matrix([3, 4], 1), matrix([3, 4], 2).abs());
        let (value, [gradient, of_targets]) =
            differentiate([&logits, &targets], |[z, t]| neighbour_agreement(z, t));
        let (p, t) = (values(&softmax(logits, 1)), values(&targets));
        let rows: Vec<f64> = p
            .chunks(4)
            .zip(t.chunks(4))
            .map(|(p, t)| p.iter().zip(t).map(|(p, t)| p * t).sum())
            .collect();
        assert_close(&[value], &[-rows.iter().sum::<f64>() / 3.0], 1e-6);
        // d/dz_j of -t · p is -p_j (t_j - t · p).
        let want: Vec<f64> =
            (0..12).map(|place| -p[place] * (t[place] - rows[place / 4]) / 3.0).collect();
        assert_close(&gradient, &want, 1e-5);
        assert_eq!(of_targets, [0.0; 12]);
    }

    #[test]
    fn certain_rows_have_a_finite_loss_and_gradient() {
        let device = Device::flex().autodiff();
        let logits = Tensor::<2>::from_data([[1e4, -1e4], [-1e4, 1e4]], &device);
        let targets = Tensor::<2>::from_data([[1.0, 0.0], [2.0, 0.0]], &device);
        let (value, [gradient]) =
            differentiate([&logits], |[z]| neighbour_agreement(z, targets.clone()));
        assert_eq!(value, -0.5);
        assert!(gradient.iter().all(|slope| slope.is_finite()), "{gradient:?}");
    }
}
