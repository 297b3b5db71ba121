//! The one-dimensional convolution.

use burn::module::{Module, Param};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, module};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::parts::BuildContext;
use isthmus_kernels::{Geometry, convolution};

use crate::Initial;

/// The zeros that a convolution over time puts around a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimePadding {
    /// So many at either end.
    Both(usize),
    /// As many before the first step as the kernel reaches back: no output depends on what comes
    /// after it.
    Causal,
}

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
    /// Time steps between those that the kernel sees.
    pub dilation: usize,
    /// Zeros around the series.
    pub padding: TimePadding,
}

/// A convolution of series over time.
#[derive(Module, Debug)]
pub struct Convolution1d {
    /// `[output, input, kernel]`.
    pub weight: Param<Tensor<3>>,
    /// `[output]`; absent where a normalisation layer follows.
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    kernel: usize,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    dilation: usize,
    #[module(skip)]
    padding: TimePadding,
}

impl Convolution1d {
    /// A convolution without bias, started as PyTorch starts its own.
    pub fn new(shape: Convolution1dShape, context: &BuildContext) -> Self {
        Self::started(shape, Initial::of_fan_in(shape.input * shape.kernel), context)
    }

    /// A convolution without bias.
    pub fn started(shape: Convolution1dShape, initial: Initial, context: &BuildContext) -> Self {
        let Convolution1dShape { input, output, kernel, stride, dilation, padding } = shape;
        let key = context.key.named("weight");
        let weight = initial.parameter([output, input, kernel], key, &context.device);
        Self { weight, bias: None, kernel, stride, dilation, padding }
    }

    /// A convolution with a bias, started as PyTorch starts its own.
    pub fn with_bias(shape: Convolution1dShape, context: &BuildContext) -> Self {
        let initial = Initial::of_fan_in(shape.input * shape.kernel);
        let key = context.key.named("bias");
        let bias = initial.parameter([shape.output], key, &context.device);
        Self { bias: Some(bias), ..Self::new(shape, context) }
    }

    /// Time steps from the first that the kernel sees to the last one.
    fn reach(&self) -> usize {
        (self.kernel - 1) * self.dilation
    }

    /// Time steps that become of `length` ones, at least a kernel with the zeros around.
    pub fn output_length(&self, length: usize) -> usize {
        let zeros: usize = self.zeros().iter().sum();
        (length + zeros).saturating_sub(self.reach() + 1) / self.stride + 1
    }

    /// Zeros before and after a series.
    fn zeros(&self) -> [usize; 2] {
        match self.padding {
            TimePadding::Both(zeros) => [zeros; 2],
            TimePadding::Causal => [self.reach(), 0],
        }
    }

    /// Convolves `[batch, input, length]`.
    pub fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let [batch, channels, _] = input.dims();
        let zeros = self.zeros().map(|zeros| {
            (zeros > 0).then(|| Tensor::zeros([batch, channels, zeros], &input.device()))
        });
        let [before, after] = zeros;
        let parts: Vec<Tensor<3>> = [before, Some(input), after].into_iter().flatten().collect();
        let input = Tensor::cat(parts, 2);
        match self.stride {
            1 => self.of_neighbours(input),
            stride => {
                let options = ConvOptions::new([stride], [0], [self.dilation], 1);
                let bias = self.bias.as_ref().map(Param::val);
                module::conv1d(input, self.weight.val(), bias, options)
            }
        }
    }

    /// With a position at every step: what lies under the kernel is put together once, and one matrix
    /// product a series is the rest, as of images.
    fn of_neighbours(&self, input: Tensor<3>) -> Tensor<3> {
        let [batch, channels, length] = input.dims();
        let [output, _, kernel] = self.weight.dims();
        let positions = length - self.reach();
        let taps = (0..kernel).map(|tap| input.clone().narrow(2, tap * self.dilation, positions));
        let patches: Tensor<4> = Tensor::stack(taps.collect(), 2);
        let window = channels * kernel;
        let geometry = Geometry {
            channels: window,
            extent: [1, positions],
            kernel: 1,
            stride: 1,
            padding: [(0, 0); 2],
        };
        let patches = patches.reshape([batch, window, 1, positions]);
        let weight = self.weight.val().reshape([output, window, 1, 1]);
        let bias = self.bias.as_ref().map(Param::val);
        convolution(patches, weight, bias, geometry, 1).reshape([batch, output, positions])
    }

    /// As PyTorch's `Conv1d`, which has the same layout.
    pub fn pytorch(&self) -> Vec<NamedTensor> {
        let mut tensors = vec![NamedTensor::of("weight", &self.weight.val())];
        tensors.extend(self.bias.as_ref().map(|bias| NamedTensor::of("bias", &bias.val())));
        tensors
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{build_context, close, normal, values};

    /// The sum over channels and kernel, one output at a time.
    fn summed(layer: &Convolution1d, input: &Tensor<3>) -> Vec<f32> {
        let [batch, channels, length] = input.dims();
        let [outputs, _, kernel] = layer.weight.dims();
        let (series, weight) = (values(input), values(&layer.weight.val()));
        let bias = layer.bias.as_ref().map(|bias| values(&bias.val()));
        let before = match layer.padding {
            TimePadding::Both(zeros) => zeros,
            TimePadding::Causal => (kernel - 1) * layer.dilation,
        };
        let mut all = Vec::new();
        for row in 0..batch {
            for output in 0..outputs {
                for place in 0..layer.output_length(length) {
                    let mut sum = bias.as_ref().map_or(0.0, |bias| bias[output]);
                    for channel in 0..channels {
                        for tap in 0..kernel {
                            let step = place * layer.stride + tap * layer.dilation;
                            if (before..before + length).contains(&step) {
                                let value = (row * channels + channel) * length + step - before;
                                let factor = (output * channels + channel) * kernel + tap;
                                sum += series[value] * weight[factor];
                            }
                        }
                    }
                    all.push(sum);
                }
            }
        }
        all
    }

    #[test]
    fn windows_are_summed_over_channels_and_time() {
        let both = TimePadding::Both;
        let cases = [
            (3, 2, 1, both(1)),
            (8, 1, 1, both(4)),
            (3, 1, 2, both(2)),
            (5, 3, 1, both(0)),
            (1, 2, 1, both(0)),
            (4, 1, 1, TimePadding::Causal),
            (3, 1, 4, TimePadding::Causal),
            (1, 1, 1, TimePadding::Causal),
            (3, 2, 2, TimePadding::Causal),
        ];
        for (kernel, stride, dilation, padding) in cases {
            let shape =
                Convolution1dShape { input: 2, output: 3, kernel, stride, dilation, padding };
            let input = normal([2, 2, 11], 4);
            for layer in [
                Convolution1d::new(shape, &build_context(1)),
                Convolution1d::with_bias(shape, &build_context(1)),
            ] {
                let output = layer.forward(input.clone());
                assert_eq!(output.dims(), [2, 3, layer.output_length(11)], "{shape:?}");
                close(&values(&output), &summed(&layer, &input), 1e-5);
            }
        }
    }

    #[test]
    fn gradients_of_the_matrix_products_are_those_of_burn() {
        let (kernel, stride, dilation, padding) = (5, 1, 2, TimePadding::Both(3));
        let shape = Convolution1dShape { input: 3, output: 4, kernel, stride, dilation, padding };
        let layer = Convolution1d::with_bias(shape, &build_context(1));
        let input = normal([2, 3, 12], 4).require_grad();
        let (weight, bias) = (layer.weight.val(), layer.bias.as_ref().unwrap().val());
        let gradients = |output: Tensor<3>| {
            let tape = (output.clone() * normal(output.dims(), 5)).sum().backward();
            [
                values(&input.grad(&tape).unwrap()),
                values(&weight.grad(&tape).unwrap()),
                values(&bias.grad(&tape).unwrap()),
            ]
        };
        let found = gradients(layer.forward(input.clone()));
        let options = ConvOptions::new([1], [3], [dilation], 1);
        let of_burn = module::conv1d(input.clone(), weight.clone(), Some(bias.clone()), options);
        for (found, expected) in found.iter().zip(gradients(of_burn)) {
            close(found, &expected, 1e-4);
        }
    }
}
