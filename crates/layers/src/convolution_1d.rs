//! The one-dimensional convolution.

use burn::module::{Module, Param};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, module};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::parts::BuildContext;

use crate::Initial;

/// The shape of a convolution over time.
#[derive(Clone, Copy, Debug)]
pub struct Convolution1dShape {
    /// Channels of the input.
    pub input: usize,
    /// Channels of the output.
    pub output: usize,
    /// Time steps of the kernel.
    pub kernel: usize,
    /// Time steps between positions.
    pub stride: usize,
    /// Zeros at either end.
    pub padding: usize,
}

/// A convolution of series over time, without bias: a normalisation layer follows.
#[derive(Module, Debug)]
pub struct Convolution1d {
    /// `[output, input, kernel]`.
    pub weight: Param<Tensor<3>>,
    #[module(skip)]
    kernel: usize,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    padding: usize,
}

impl Convolution1d {
    /// A convolution started as PyTorch starts its own.
    pub fn new(shape: Convolution1dShape, context: &BuildContext) -> Self {
        let Convolution1dShape { input, output, kernel, stride, padding } = shape;
        let initial = Initial::of_fan_in(input * kernel);
        let key = context.key.named("weight");
        let weight = initial.parameter([output, input, kernel], key, &context.device);
        Self { weight, kernel, stride, padding }
    }

    /// Time steps that become of `length` ones, at least a kernel with the zeros at either end.
    pub fn output_length(&self, length: usize) -> usize {
        (length + 2 * self.padding).saturating_sub(self.kernel) / self.stride + 1
    }

    /// Convolves `[batch, input, length]`.
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let options = ConvOptions::new([self.stride], [self.padding], [1], 1);
        module::conv1d(input, self.weight.val(), None, options)
    }

    /// As PyTorch's `Conv1d` without bias, which has the same layout.
    pub fn pytorch(&self) -> Vec<NamedTensor> {
        vec![NamedTensor::of("weight", &self.weight.val())]
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::testing::{build_context, close, values};

    #[test]
    fn windows_are_summed_over_channels_and_time() {
        let shape = Convolution1dShape { input: 2, output: 1, kernel: 3, stride: 2, padding: 1 };
        let mut layer = Convolution1d::new(shape, &build_context(1));
        let device = Device::flex().autodiff();
        let weight = Tensor::from_data([[[1.0, 2.0, 3.0], [0.0, 0.0, 10.0]]], &device);
        layer.weight = Param::from_tensor(weight);
        let series = Tensor::from_data([[[1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 2.0]]], &device);
        let output = layer.forward(series);
        assert_eq!(output.dims(), [1, 1, layer.output_length(4)]);
        close(&values(&output), &[2.0 + 6.0 + 10.0, 2.0 + 6.0 + 12.0 + 20.0], 1e-6);
    }
}
