//! Entropy of what a classifier gives to the wrong classes.

use burn::tensor::{Int, Tensor, activation::log_softmax};

use super::cross_entropy::cross_entropy_per_sample;

/// Stands for minus infinity: its exponential is 0, and products with it are numbers.
const NEVER: f64 = -1e30;

/// Keeps weights that are all 0 from dividing zero by zero.
const SMALLEST: f64 = 1e-12;

/// How unevenly the wrong classes of labelled rows are predicted, a weighted mean over the rows:
///
/// ```text
/// loss = sum_i v_i l_i / sum_i v_i,   v_i = w_i (1 - p_i[y_i])^exponent,
/// l_i = 1 / log(classes - 1) sum_{j != y_i} q_ij log q_ij,   q_ij = p_ij / (1 - p_i[y_i])
/// ```
///
/// Between -1, where no wrong class is more probable than another, and 0. The weights `v` are held
/// constant: rows that are uncertain of their label count more. Of two classes only one is wrong: the
/// loss is 0.
///
/// Source: Liang, Wang, Hu, He, Feng, "A balanced and uncertainty-aware approach for partial domain
/// adaptation", ECCV 2020, section 3.3; after Chen et al., "Complement objective training", ICLR
/// 2019. Peers: the authors' code adds 1e-7 and 1e-10 where it divides and takes logarithms; here
/// everything is computed from logits.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - `labels`: `[batch]`, each in `0..classes`
/// - `weights`: `[batch]`, at least 0
/// - result: `[1]`
///
/// # Panics
/// If the batch is empty or the numbers of rows differ.
pub fn complement_entropy(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
    weights: Tensor<1>,
    exponent: f64,
) -> Tensor<1> {
    let [rows, classes] = logits.dims();
    let count = weights.dims()[0];
    assert_eq!(rows, count, "complement_entropy: {rows} rows of logits and {count} weights");
    let own = cross_entropy_per_sample(logits.clone(), labels.clone()).detach().neg().exp();
    if classes < 3 {
        return logits.sum().mul_scalar(0.0);
    }
    let wrong = logits.mask_fill(labels.one_hot::<2>(classes).bool(), NEVER);
    let log_shares = log_softmax(wrong, 1);
    let entropies = (log_shares.clone().exp() * log_shares).sum_dim(1).squeeze_dim::<1>(1);
    let rows = own.neg().add_scalar(1.0).clamp_min(0.0).powf_scalar(exponent) * weights.detach();
    let shares = rows.clone() / rows.sum().clamp_min(SMALLEST);
    (entropies * shares).sum().div_scalar(((classes - 1) as f64).ln())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix, values};
    use burn::tensor::{Device, activation::softmax};

    fn labels<const N: usize>(labels: [i32; N]) -> Tensor<1, Int> {
        Tensor::from_data(labels, &Device::flex())
    }

    fn weights<const N: usize>(weights: [f32; N]) -> Tensor<1> {
        Tensor::from_data(weights, &Device::flex())
    }

    /// Value and gradient with the weights worked out beside.
    #[test]
    fn value_and_gradient_are_those_of_the_formula() {
        let logits = matrix([3, 4], 5).mul_scalar(2.0).detach().require_grad();
        let (own, given) = ([1, 3, 0], [1.0, 0.5, 2.0]);
        for exponent in [1.0, 2.0] {
            let (value, [gradient]) = differentiate([&logits], |[z]| {
                complement_entropy(z, labels([1, 3, 0]), weights([1.0, 0.5, 2.0]), exponent)
            });
            let p = values(&softmax(logits.clone(), 1));
            let row = |row: usize| {
                let (p, own) = (&p[row * 4..row * 4 + 4], own[row] as usize);
                let shares: Vec<f64> =
                    (0..4).map(|j| if j == own { 0.0 } else { p[j] / (1.0 - p[own]) }).collect();
                let sum: f64 = shares.iter().filter(|q| **q > 0.0).map(|q| q * q.ln()).sum();
                (given[row] * (1.0 - p[own]).powf(exponent), sum, shares)
            };
            let rows: Vec<_> = (0..3).map(row).collect();
            let mass: f64 = rows.iter().map(|(weight, _, _)| weight).sum();
            let scale = |weight: f64| weight / mass / 3.0_f64.ln();
            let want: f64 = rows.iter().map(|(weight, sum, _)| scale(*weight) * sum).sum();
            assert_close(&[value], &[want], 1e-5);
            // d/dz_j of sum q log q over the wrong classes is q_j (log q_j - sum q log q).
            let slope = |(weight, sum, shares): &(f64, f64, Vec<f64>)| -> Vec<f64> {
                let of = |q: &f64| if *q > 0.0 { scale(*weight) * q * (q.ln() - sum) } else { 0.0 };
                shares.iter().map(of).collect()
            };
            let want: Vec<f64> = rows.iter().flat_map(slope).collect();
            assert_close(&gradient, &want, 1e-4);
        }
    }

    #[test]
    fn it_is_least_where_the_wrong_classes_are_alike() {
        let device = Device::flex().autodiff();
        let at = |row: [f32; 4]| {
            let logits = Tensor::from_data([row], &device);
            complement_entropy(logits, labels([0]), weights([1.0]), 1.0)
        };
        assert_close(&values(&at([2.0, 0.5, 0.5, 0.5])), &[-1.0], 1e-6);
        assert!(values(&at([0.0, 30.0, 0.0, 0.0]))[0].abs() < 1e-6);
    }

    /// Certain rows, right and wrong, weights of 0, and two classes.
    #[test]
    fn extreme_rows_have_finite_losses_and_gradients() {
        let device = Device::flex().autodiff();
        let right = Tensor::from_data([[1e4, -1e4, 0.0], [1e4, 0.0, 0.0]], &device);
        let wrong = Tensor::from_data([[-1e4, 1e4, 0.0], [0.0, 1e4, -1e4]], &device);
        let two = Tensor::from_data([[1e4, -1e4], [0.0, 1.0]], &device);
        for logits in [right, wrong, two] {
            for given in [[1.0, 1.0], [0.0, 0.0]] {
                let (value, [gradient]) = differentiate([&logits], |[z]| {
                    complement_entropy(z, labels([0, 0]), weights(given), 1.0)
                });
                assert!((-1.0..=0.0).contains(&value), "{value}");
                assert!(gradient.iter().all(|slope| slope.is_finite()), "{gradient:?}");
            }
        }
    }
}
