//! Layer normalisation.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::parts::BuildContext;

use crate::Initial;

/// Brings the values of each row to mean 0 and variance 1, then scales and shifts each column: what a
/// row becomes depends on it alone (Ba, Kiros, Hinton, "Layer normalization", 2016).
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[size]`.
    pub weight: Param<Tensor<1>>,
    /// `[size]`.
    pub bias: Param<Tensor<1>>,
    epsilon: f64,
}

impl LayerNorm {
    /// A layer that does not scale or shift yet; `epsilon` is added to variances.
    pub fn new(size: usize, epsilon: f64, context: &BuildContext) -> Self {
        let BuildContext { device, key, .. } = context;
        Self {
            weight: Initial::Constant(1.0).parameter([size], key.named("weight"), device),
            bias: Initial::Constant(0.0).parameter([size], key.named("bias"), device),
            epsilon,
        }
    }

    /// `[rows, size]` to the same.
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let centred = input.clone() - input.mean_dim(1);
        let variance = centred.clone().square().mean_dim(1);
        let normalised = centred / variance.add_scalar(self.epsilon).sqrt();
        normalised * self.weight.val().unsqueeze() + self.bias.val().unsqueeze()
    }

    /// As PyTorch's `LayerNorm`.
    pub fn pytorch(&self) -> Vec<NamedTensor> {
        vec![
            NamedTensor::of("weight", &self.weight.val()),
            NamedTensor::of("bias", &self.bias.val()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;
    use crate::testing::{build_context, close, device, values};

    #[test]
    fn rows_are_normalised_by_themselves() {
        let mut layer = LayerNorm::new(2, 0.0, &build_context(1));
        layer.weight = Param::from_data(TensorData::from([2.0_f32, 1.0]), &device());
        layer.bias = Param::from_data(TensorData::from([0.5_f32, 0.0]), &device());
        let input = Tensor::from_data([[1.0_f32, 3.0], [10.0, 4.0]], &device());
        close(&values(&layer.forward(input)), &[-1.5, 1.0, 2.5, -1.0], 1e-6);
        let layer = LayerNorm::new(2, 1e-12, &build_context(1));
        let same = Tensor::from_data([[3.0_f32, 3.0]], &device());
        assert_eq!(values(&layer.forward(same)), [0.0, 0.0]);
    }
}
