//! The two-dimensional convolution.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::parts::BuildContext;
use isthmus_kernels::{Geometry, convolution};

use crate::Initial;

/// What is put around an image before it is convolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// This many rows or columns of zeros on each side.
    Symmetric(usize),
    /// TensorFlow's `SAME`: as many as make the output `ceil(input / stride)`; an odd one goes to
    /// the bottom or the right.
    Same,
}

impl Padding {
    /// Rows (or columns) of zeros before and after, for an extent of `input`.
    pub fn sides(self, input: usize, kernel: usize, stride: usize) -> (usize, usize) {
        match self {
            Self::Symmetric(padding) => (padding, padding),
            Self::Same => {
                let covered = (input.div_ceil(stride).max(1) - 1) * stride + kernel;
                let total = covered.saturating_sub(input);
                (total / 2, total - total / 2)
            }
        }
    }
}

/// The shape of a convolution with a square kernel.
#[derive(Clone, Copy, Debug)]
pub struct ConvolutionShape {
    /// Channels of the input.
    pub input: usize,
    /// Channels of the output.
    pub output: usize,
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Step between positions, both ways.
    pub stride: usize,
    /// What is put around the image.
    pub padding: Padding,
    /// Groups of channels that are convolved apart; `input` for a depthwise convolution.
    pub groups: usize,
}

/// A convolution of images by a square kernel.
#[derive(Module, Debug)]
pub struct Convolution {
    /// `[output, input / groups, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// `[output]`; absent where a normalisation layer follows.
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    padding: Padding,
    #[module(skip)]
    groups: usize,
}

impl Convolution {
    /// A convolution with bias, started as PyTorch starts its own.
    pub fn new(shape: ConvolutionShape, context: &BuildContext) -> Self {
        let initial = Initial::of_fan_in(shape.input / shape.groups * shape.kernel.pow(2));
        let mut layer = Self::without_bias(shape, initial, context);
        let key = context.key.named("bias");
        layer.bias = Some(initial.parameter([shape.output], key, &context.device));
        layer
    }

    /// A convolution without bias.
    pub fn without_bias(shape: ConvolutionShape, initial: Initial, context: &BuildContext) -> Self {
        let ConvolutionShape { input, output, kernel, stride, padding, groups } = shape;
        let weight = [output, input / groups, kernel, kernel];
        Self {
            weight: initial.parameter(weight, context.key.named("weight"), &context.device),
            bias: None,
            stride,
            padding,
            groups,
        }
    }

    /// Convolves `[batch, input, height, width]`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let bias = self.bias.as_ref().map(|bias| bias.val());
        self.convolve(input, self.weight.val(), bias)
    }

    /// Convolves with each output channel multiplied by `scale` and moved by `shift`, `[output]`
    /// both: the convolution and an affine map after it in one.
    pub fn forward_scaled(
        &self,
        input: Tensor<4>,
        scale: Tensor<1>,
        shift: Tensor<1>,
    ) -> Tensor<4> {
        let (weight, bias) = self.scaled(scale, shift);
        self.convolve(input, weight, Some(bias))
    }

    /// Weight and bias with each output channel multiplied by `scale` and moved by `shift`.
    pub fn scaled(&self, scale: Tensor<1>, shift: Tensor<1>) -> (Tensor<4>, Tensor<1>) {
        let channels = scale.dims()[0];
        let bias = match &self.bias {
            None => shift,
            Some(bias) => bias.val() * scale.clone() + shift,
        };
        (self.weight.val() * scale.reshape([channels, 1, 1, 1]), bias)
    }

    /// As PyTorch's `Conv2d`, which has the same layout.
    pub fn pytorch(&self) -> Vec<NamedTensor> {
        let bias = self.bias.as_ref().map(|bias| NamedTensor::of("bias", &bias.val()));
        std::iter::once(NamedTensor::of("weight", &self.weight.val())).chain(bias).collect()
    }

    fn convolve(&self, input: Tensor<4>, weight: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
        let [_, channels, height, width] = input.dims();
        let [_, _, kernel, _] = weight.dims();
        let sides = |extent| self.padding.sides(extent, kernel, self.stride);
        let geometry = Geometry {
            channels,
            extent: [height, width],
            kernel,
            stride: self.stride,
            padding: [sides(height), sides(width)],
        };
        convolution(input, weight, bias, geometry, self.groups)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::testing::{build_context, close, values};

    #[test]
    fn same_padding_puts_the_odd_row_at_the_end() {
        assert_eq!(Padding::Same.sides(224, 3, 2), (0, 1));
        assert_eq!(Padding::Same.sides(7, 3, 2), (1, 1));
        assert_eq!(Padding::Same.sides(28, 5, 1), (2, 2));
        assert_eq!(Padding::Same.sides(112, 5, 2), (1, 2));
        assert_eq!(Padding::Same.sides(8, 1, 2), (0, 0));
    }

    fn convolution(padding: Padding) -> Convolution {
        let shape =
            ConvolutionShape { input: 1, output: 1, kernel: 3, stride: 2, padding, groups: 1 };
        let mut layer = Convolution::new(shape, &build_context(1));
        let device = Device::flex().autodiff();
        layer.weight = Param::from_tensor(Tensor::ones([1, 1, 3, 3], &device));
        layer.bias = Some(Param::from_tensor(Tensor::zeros([1], &device)));
        layer
    }

    #[test]
    fn same_padding_sums_the_right_windows() {
        let device = Device::flex().autodiff();
        let image = Tensor::<1>::from_floats(
            (0..16).map(|value| value as f32).collect::<Vec<_>>().as_slice(),
            &device,
        )
        .reshape([1, 1, 4, 4]);
        let output = convolution(Padding::Same).forward(image.clone());
        // Windows start at (0, 0): nothing is put before the image, one row and column after it.
        assert_eq!(output.dims(), [1, 1, 2, 2]);
        close(&values(&output), &[45.0, 39.0, 66.0, 50.0], 1e-5);
        let output = convolution(Padding::Symmetric(1)).forward(image);
        close(&values(&output), &[10.0, 24.0, 51.0, 90.0], 1e-5);
    }

    #[test]
    fn a_scaled_convolution_is_the_convolution_scaled() {
        let shape = ConvolutionShape {
            input: 2,
            output: 3,
            kernel: 3,
            stride: 1,
            padding: Padding::Same,
            groups: 1,
        };
        let layer = Convolution::new(shape, &build_context(1));
        let image = crate::testing::normal([2, 2, 5, 5], 3);
        let device = Device::flex().autodiff();
        let scale = Tensor::<1>::from_floats([2.0, -1.0, 0.5], &device);
        let shift = Tensor::<1>::from_floats([0.1, 0.2, 0.3], &device);
        let apart = layer.forward(image.clone()) * scale.clone().reshape([1, 3, 1, 1])
            + shift.clone().reshape([1, 3, 1, 1]);
        let folded = layer.forward_scaled(image, scale, shift);
        close(&values(&folded), &values(&apart), 1e-5);
    }
}
