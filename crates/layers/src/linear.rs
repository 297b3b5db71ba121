//! The fully connected layer.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::parts::BuildContext;
use isthmus_kernels::linear;

use crate::Initial;

/// `y = x W + b`, with `W` stored `[input, output]`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[input, output]`.
    pub weight: Param<Tensor<2>>,
    /// `[output]`.
    pub bias: Param<Tensor<1>>,
}

impl Linear {
    /// A layer started as PyTorch starts its own.
    pub fn new(input: usize, output: usize, context: &BuildContext) -> Self {
        let initial = Initial::of_fan_in(input);
        Self::with_initial(input, output, initial, initial, context)
    }

    /// A layer with the weights and the bias started as stated.
    pub fn with_initial(
        input: usize,
        output: usize,
        weight: Initial,
        bias: Initial,
        context: &BuildContext,
    ) -> Self {
        let BuildContext { device, key, .. } = context;
        Self {
            weight: weight.parameter([input, output], key.named("weight"), device),
            bias: bias.parameter([output], key.named("bias"), device),
        }
    }

    /// A layer with normal weights of deviation `weight_std` and a constant `bias`, where they are
    /// stated.
    pub fn configured(
        input: usize,
        output: usize,
        weight_std: Option<f64>,
        bias: Option<f64>,
        context: &BuildContext,
    ) -> Self {
        let default = Initial::of_fan_in(input);
        let weight = weight_std.map_or(default, |std| Initial::Normal { std });
        let bias = bias.map_or(default, Initial::Constant);
        Self::with_initial(input, output, weight, bias, context)
    }

    /// `[batch, input]` to `[batch, output]`.
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        linear(input, self.weight.val(), self.bias.val())
    }

    /// As PyTorch's `Linear`: the weight is `[output, input]` there.
    pub fn pytorch(&self) -> Vec<NamedTensor> {
        vec![
            NamedTensor::of("weight", &self.weight.val().transpose()),
            NamedTensor::of("bias", &self.bias.val()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::testing::{build_context, close, values};

    #[test]
    fn it_computes_the_affine_map() {
        let mut layer = Linear::new(2, 3, &build_context(1));
        let device = Device::flex().autodiff();
        let weight = TensorData::from([[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        layer.weight = Param::from_data(weight, &device);
        layer.bias = Param::from_data(TensorData::from([0.5_f32, 0.0, -1.0]), &device);
        let output = layer.forward(Tensor::from_data([[1.0_f32, -1.0]], &device));
        close(&values(&output), &[-2.5, -3.0, -4.0], 1e-6);
    }

    #[test]
    fn weight_and_bias_are_drawn_apart() {
        let layer = Linear::new(3, 3, &build_context(1));
        assert_ne!(values(&layer.weight.val())[..3], values(&layer.bias.val())[..]);
    }

    #[test]
    fn stated_values_replace_the_default() {
        let layer = Linear::configured(100, 100, Some(0.01), Some(0.1), &build_context(1));
        assert!(values(&layer.bias.val()).iter().all(|&value| value == 0.1));
        let weight = values(&layer.weight.val());
        assert!(weight.iter().all(|value| value.abs() < 0.1));
        assert!(weight.iter().any(|value| value.abs() > 0.02));
    }
}
