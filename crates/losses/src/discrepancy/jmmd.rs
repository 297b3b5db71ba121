//! Joint maximum mean discrepancy over several layers (JAN).

use super::gaussian::Kernel;
use super::mk_mmd::DAN_WIDTHS;
use super::pairs::{Estimator, Layer, all_pairs, ring};
use crate::checks::{assert_domains, assert_equal_counts};
use burn::tensor::Tensor;

/// The width of the kernel on class probabilities in JAN.
pub const JAN_LOGIT_SIGMA: f64 = 0.92;

/// One layer of a joint discrepancy: its activations in both domains, and its kernel.
#[derive(Clone, Debug)]
pub struct JointLayer {
    /// Source activations, `[source rows, features]`.
    pub source: Tensor<2>,
    /// Target activations, `[target rows, features]`.
    pub target: Tensor<2>,
    /// The kernel of this layer.
    pub kernel: Kernel,
}

impl JointLayer {
    /// A layer of features with the five widths of DAN.
    pub fn features(source: Tensor<2>, target: Tensor<2>) -> Self {
        let kernel = Kernel::MeanDistance(DAN_WIDTHS.to_vec());
        Self { source, target, kernel }
    }

    /// A layer of class probabilities with the one fixed width of JAN.
    pub fn probabilities(source: Tensor<2>, target: Tensor<2>) -> Self {
        let kernel = Kernel::Fixed { sigma: JAN_LOGIT_SIGMA };
        Self { source, target, kernel }
    }
}

/// Squared discrepancy of the joint distribution of several layers, over all pairs of rows.
///
/// The kernel of two rows is the product of the layers' kernels; the rest is as in
/// [`mk_mmd_quadratic`](super::mk_mmd_quadratic), without tllib's constant. JAN takes the
/// bottleneck features and the softmax outputs, see [`JointLayer::features`] and
/// [`JointLayer::probabilities`]; gradients flow into every layer.
///
/// Source: Long et al., "Deep transfer learning with joint adaptation networks", 2017.
/// Peers: tllib, with equal counts and the constant [`mk_mmd_offset`](super::mk_mmd_offset).
///
/// # Shapes
/// Every layer has the same rows in the same order; counts of the two domains may differ, at least
/// 2 each. Result: `[1]`.
///
/// # Panics
/// If there is no layer, layers differ in rows, or a domain has fewer than 2 rows.
pub fn jmmd(layers: &[JointLayer]) -> Tensor<1> {
    assert_layers("jmmd", layers);
    all_pairs(&borrowed(layers), Estimator::Unbiased)
}

/// The linear-time estimate of [`jmmd`] over a ring of pairs, as in
/// [`mk_mmd_linear`](super::mk_mmd_linear).
///
/// Source: Long et al., 2017. Peers: a switch of tllib's JAN, whose default is [`jmmd`].
///
/// # Shapes
/// As [`jmmd`], with equally many rows of both domains. Result: `[1]`.
///
/// # Panics
/// If there is no layer, layers differ in rows, counts of the domains differ or are below 2.
pub fn jmmd_linear(layers: &[JointLayer]) -> Tensor<1> {
    assert_layers("jmmd_linear", layers);
    assert_equal_counts("jmmd_linear", &layers[0].source, &layers[0].target);
    ring(&borrowed(layers))
}

fn borrowed(layers: &[JointLayer]) -> Vec<Layer<'_>> {
    let borrowed = layers.iter().map(|layer| Layer {
        source: &layer.source,
        target: &layer.target,
        kernel: &layer.kernel,
    });
    borrowed.collect()
}

#[track_caller]
fn assert_layers(loss: &str, layers: &[JointLayer]) {
    assert!(!layers.is_empty(), "{loss}: needs at least one layer");
    let rows = |layer: &JointLayer| (layer.source.dims()[0], layer.target.dims()[0]);
    for layer in layers {
        assert_domains(loss, &layer.source, &layer.target, 2);
        assert_eq!(rows(layer), rows(&layers[0]), "{loss}: all layers need the same rows");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{mk_mmd_linear, mk_mmd_quadratic};
    use super::*;
    use crate::testing::{assert_close, differentiate, matrix};
    use burn::tensor::activation::softmax;

    #[test]
    fn one_layer_is_the_plain_discrepancy() {
        let inputs = [&matrix([6, 4], 1), &matrix([6, 4], 2)];
        let joint = |[s, t]: [Tensor<2>; 2]| jmmd(&[JointLayer::features(s, t)]);
        let plain = |[s, t]: [Tensor<2>; 2]| mk_mmd_quadratic(s, t, &DAN_WIDTHS);
        assert_eq!(differentiate(inputs, joint), differentiate(inputs, plain));
        let joint = |[s, t]: [Tensor<2>; 2]| jmmd_linear(&[JointLayer::features(s, t)]);
        let plain = |[s, t]: [Tensor<2>; 2]| mk_mmd_linear(s, t, &DAN_WIDTHS);
        assert_eq!(differentiate(inputs, joint), differentiate(inputs, plain));
    }

    #[test]
    fn gradient_is_the_slope_also_for_different_counts_and_three_layers() {
        let inputs = [matrix([4, 3], 1), matrix([6, 3], 2), matrix([4, 2], 3), matrix([6, 2], 4)];
        let loss = |[s, t, p, q]: [Tensor<2>; 4]| {
            jmmd(&[
                JointLayer {
                    source: s.clone(),
                    target: t.clone(),
                    kernel: Kernel::Fixed { sigma: 1.3 },
                },
                JointLayer::probabilities(softmax(p, 1), softmax(q, 1)),
                JointLayer { source: s, target: t, kernel: Kernel::Fixed { sigma: 2.0 } },
            ])
        };
        let (_, gradients) = differentiate([&inputs[0], &inputs[1], &inputs[2], &inputs[3]], loss);
        let step = 1e-2;
        for input in 0..4 {
            let direction = matrix(inputs[input].dims(), 9).inner();
            let shifted = |sign: f64| {
                let mut moved = inputs.clone().map(Tensor::inner);
                moved[input] = moved[input].clone() + direction.clone().mul_scalar(sign * step);
                crate::testing::scalar(&loss(moved))
            };
            let slope = (shifted(1.0) - shifted(-1.0)) / (2.0 * step);
            let want: f64 = gradients[input]
                .iter()
                .zip(crate::testing::values(&direction))
                .map(|(gradient, direction)| gradient * direction)
                .sum();
            assert_close(&[slope], &[want], 2e-2);
        }
    }

    #[test]
    #[should_panic(expected = "all layers need the same rows")]
    fn refuses_layers_of_different_batches() {
        jmmd(&[
            JointLayer::features(matrix([4, 3], 1), matrix([4, 3], 2)),
            JointLayer::probabilities(matrix([5, 3], 1), matrix([4, 3], 2)),
        ]);
    }
}
