//! Layers of a convolutional network on the host, for prediction: channels last, one image at a
//! time, batch normalisation folded in.
//!
//! Images lie as `[positions, channels]`. A 1x1 convolution is then one matrix product, and a
//! depthwise one sums a few neighbours by loops over channels that become vector instructions. An
//! image's activations stay in the cache from layer to layer; those of a batch do not.

use burn::tensor::{Device, Tensor, TensorData};
use macerator::{AutoArch, Simd, VFma, WithSimd};

use isthmus_layers::Padding;

/// Channels that are filtered at a time, few enough to stay in registers.
const BLOCK: usize = 48;

/// Height and width of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Extent {
    /// The extent after a convolution of this stride with `SAME` padding.
    pub(super) fn strided(self, stride: usize) -> Self {
        Self { height: self.height.div_ceil(stride), width: self.width.div_ceil(stride) }
    }

    pub(super) fn positions(self) -> usize {
        self.height * self.width
    }
}

/// `y = x W + b` at each position: a 1x1 convolution.
#[derive(Debug)]
pub(super) struct Pointwise {
    /// `[input, output]`.
    weight: Tensor<2>,
    bias: Vec<f32>,
}

impl Pointwise {
    /// A layer with the weight `[output, input]` and the bias `[output]`.
    pub(super) fn new(weight: &[f32], bias: Vec<f32>) -> Self {
        let (output, input) = (bias.len(), weight.len() / bias.len());
        let mut transposed = Vec::with_capacity(weight.len());
        for k in 0..input {
            transposed.extend((0..output).map(|column| weight[column * input + k]));
        }
        Self { weight: tensor(transposed, output), bias }
    }

    /// Number of outputs at a position.
    pub(super) fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// The outputs without an activation, plus `residual` where it is given.
    pub(super) fn forward(&self, input: Tensor<2>, residual: Option<Tensor<2>>) -> Tensor<2> {
        let bias = TensorData::new(self.bias.clone(), [1, self.bias.len()]);
        let output = input.matmul(self.weight.clone()) + Tensor::from_data(bias, &Device::flex());
        match residual {
            None => output,
            Some(residual) => output + residual,
        }
    }

    /// The outputs brought into [0, 6].
    pub(super) fn forward_clipped(&self, input: Tensor<2>) -> TensorData {
        let mut output = input.matmul(self.weight.clone()).into_data();
        let values = output.as_mut_slice::<f32>().expect("networks compute in f32");
        AutoArch::new().dispatch(Clip { values, bias: &self.bias });
        output
    }
}

/// A matrix of rows of `columns` values.
pub(super) fn tensor(values: Vec<f32>, columns: usize) -> Tensor<2> {
    let rows = values.len() / columns;
    Tensor::from_data(TensorData::new(values, [rows, columns]), &Device::flex())
}

/// One filter a channel.
#[derive(Debug)]
pub(super) struct Depthwise {
    kernel: usize,
    stride: usize,
    /// `[kernel, kernel, channels]`.
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Depthwise {
    /// A layer with the weight `[channels, 1, kernel, kernel]` and the bias `[channels]`.
    pub(super) fn new(weight: &[f32], bias: Vec<f32>, kernel: usize, stride: usize) -> Self {
        let channels = bias.len();
        let taps = kernel * kernel;
        let mut by_tap = vec![0.0; taps * channels];
        for (channel, filter) in weight.chunks_exact(taps).enumerate() {
            for (tap, &value) in filter.iter().enumerate() {
                by_tap[tap * channels + channel] = value;
            }
        }
        Self { kernel, stride, weight: by_tap, bias }
    }

    /// The input convolved with `SAME` padding and brought into [0, 6], and its extent.
    pub(super) fn forward(&self, input: &[f32], extent: Extent) -> (Tensor<2>, Extent) {
        let after = extent.strided(self.stride);
        let channels = self.bias.len();
        let mut output = vec![0.0; after.positions() * channels];
        let filter = Filter { layer: self, input, extent, after, output: &mut output };
        AutoArch::new().dispatch(filter);
        (tensor(output, channels), after)
    }
}

/// Adds the bias to each row and brings it into [0, 6].
struct Clip<'a> {
    values: &'a mut [f32],
    bias: &'a [f32],
}

impl WithSimd for Clip<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self) {
        for row in self.values.chunks_exact_mut(self.bias.len()) {
            for (value, &bias) in row.iter_mut().zip(self.bias) {
                *value = clip(*value + bias);
            }
        }
    }
}

#[inline(always)]
fn clip(value: f32) -> f32 {
    value.clamp(0.0, 6.0)
}

struct Filter<'a> {
    layer: &'a Depthwise,
    input: &'a [f32],
    extent: Extent,
    after: Extent,
    output: &'a mut [f32],
}

impl WithSimd for Filter<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self) {
        let channels = self.layer.bias.len();
        let whole = channels / BLOCK * BLOCK;
        for row in 0..self.after.height {
            for column in 0..self.after.width {
                for start in (0..whole).step_by(BLOCK) {
                    self.position::<S, BLOCK>(row, column, start);
                }
                for start in (whole..channels).step_by(16) {
                    self.position::<S, 16>(row, column, start);
                }
            }
        }
    }
}

impl Filter<'_> {
    /// Filters `COUNT` channels at one position.
    #[inline(always)]
    fn position<S: Simd, const COUNT: usize>(&mut self, row: usize, column: usize, start: usize) {
        let Depthwise { kernel, stride, weight, bias } = self.layer;
        let Extent { height, width } = self.extent;
        let channels = bias.len();
        let count = COUNT.min(channels - start);
        let mut sums = [0.0_f32; COUNT];
        sums[..count].copy_from_slice(&bias[start..start + count]);
        for (ky, y) in taps(row, *stride, *kernel, height) {
            for (kx, x) in taps(column, *stride, *kernel, width) {
                let values = &self.input[(y * width + x) * channels + start..][..count];
                let weights = &weight[(ky * kernel + kx) * channels + start..][..count];
                if let (Ok(values), Ok(weights)) =
                    (<&[f32; COUNT]>::try_from(values), <&[f32; COUNT]>::try_from(weights))
                {
                    multiply::<S, COUNT>(&mut sums, values, weights);
                } else {
                    for ((sum, value), weight) in sums.iter_mut().zip(values).zip(weights) {
                        *sum += value * weight;
                    }
                }
            }
        }
        let place = (row * self.after.width + column) * channels + start;
        for (output, sum) in self.output[place..place + count].iter_mut().zip(sums) {
            *output = clip(sum);
        }
    }
}

#[inline(always)]
fn multiply<S: Simd, const COUNT: usize>(
    sums: &mut [f32; COUNT],
    values: &[f32; COUNT],
    weights: &[f32; COUNT],
) {
    // Without the instruction, a fused product is a call into the mathematics library.
    if f32::is_accelerated::<S>() {
        for ((sum, value), weight) in sums.iter_mut().zip(values).zip(weights) {
            *sum = value.mul_add(*weight, *sum);
        }
    } else {
        for ((sum, value), weight) in sums.iter_mut().zip(values).zip(weights) {
            *sum += value * weight;
        }
    }
}

/// The taps of a kernel that fall onto the input at one position, each with its place there.
#[inline(always)]
fn taps(
    position: usize,
    stride: usize,
    kernel: usize,
    extent: usize,
) -> impl Iterator<Item = (usize, usize)> {
    let (before, _) = Padding::Same.sides(extent, kernel, stride);
    let first = position * stride;
    let end = kernel.min(extent + before - first);
    (before.saturating_sub(first)..end).map(move |tap| (tap, first + tap - before))
}
