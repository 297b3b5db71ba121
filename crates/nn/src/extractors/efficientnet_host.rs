//! EfficientNet-lite0 for prediction on the host.

use burn::tensor::{Device, Tensor, TensorData};
use isthmus_core::context::Context;
use rayon::prelude::*;

use crate::extractors::channels_last::{Depthwise, Extent, Pointwise, tensor};
use isthmus_layers::{ConvolutionNorm, Padding};

const STEM_KERNEL: usize = 3;
const STEM_STRIDE: usize = 2;
const COLOURS: usize = 3;
const PATCH: usize = COLOURS * STEM_KERNEL * STEM_KERNEL;

/// The layers with their normalisation folded in.
#[derive(Debug)]
pub(super) struct HostNetwork {
    pub(super) stem: Pointwise,
    pub(super) blocks: Vec<HostBlock>,
    pub(super) head: Pointwise,
}

#[derive(Debug)]
pub(super) struct HostBlock {
    pub(super) expand: Option<Pointwise>,
    pub(super) depthwise: Depthwise,
    pub(super) project: Pointwise,
    pub(super) residual: bool,
}

/// Weight and bias of a unit with its normalisation folded in, if this pass allows it.
fn folded(unit: &ConvolutionNorm, context: &Context) -> Option<(Vec<f32>, Vec<f32>)> {
    let (scale, shift) = unit.norm.folded(context)?;
    let (weight, bias) = unit.convolution.scaled(scale, shift);
    let values = |data: TensorData| data.try_to_vec().expect("networks compute in f32");
    Some((values(weight.into_data()), values(bias.into_data())))
}

/// A 1x1 convolution, or one over patches.
pub(super) fn pointwise(unit: &ConvolutionNorm, context: &Context) -> Option<Pointwise> {
    let (weight, bias) = folded(unit, context)?;
    Some(Pointwise::new(&weight, bias))
}

pub(super) fn depthwise(
    unit: &ConvolutionNorm,
    stride: usize,
    context: &Context,
) -> Option<Depthwise> {
    let kernel = unit.convolution.weight.dims()[3];
    let (weight, bias) = folded(unit, context)?;
    Some(Depthwise::new(&weight, bias, kernel, stride))
}

impl HostNetwork {
    /// Features `[batch, features]` of images `[batch, 3, height, width]`, image by image on the
    /// threads of the pool.
    pub(super) fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let [batch, channels, height, width] = images.dims();
        let extent = Extent { height, width };
        let pixels = images.into_data();
        let pixels = pixels.as_slice::<f32>().expect("networks compute in f32");
        let size = self.head.outputs();
        let mut features = vec![0.0; batch * size];
        features
            .par_chunks_mut(size)
            .zip(pixels.par_chunks(channels * height * width))
            .for_each(|(features, image)| self.one(image, extent, features));
        Tensor::from_data(TensorData::new(features, [batch, size]), &Device::flex())
    }

    fn one(&self, image: &[f32], extent: Extent, features: &mut [f32]) {
        let mut hidden = self.stem.forward_clipped(tensor(patches(image, extent), PATCH));
        let mut extent = extent.strided(STEM_STRIDE);
        let mut input = None;
        for block in &self.blocks {
            if let (Some(expand), Some(input)) = (&block.expand, &input) {
                hidden = expand.forward_clipped(Tensor::clone(input));
            }
            let wide = hidden.as_slice::<f32>().expect("networks compute in f32");
            let (filtered, after) = block.depthwise.forward(wide, extent);
            extent = after;
            let residual = input.take().filter(|_| block.residual);
            input = Some(block.project.forward(filtered, residual));
        }
        let last = input.expect("the network has blocks");
        let activations = self.head.forward_clipped(last);
        let activations = activations.as_slice::<f32>().expect("networks compute in f32");
        for position in activations.chunks_exact(features.len()) {
            for (sum, value) in features.iter_mut().zip(position) {
                *sum += value;
            }
        }
        for sum in features {
            *sum /= extent.positions() as f32;
        }
    }
}

/// What the first convolution sees at each of its positions, `[positions, PATCH]`; zeros outside
/// of the image.
fn patches(image: &[f32], extent: Extent) -> Vec<f32> {
    let Extent { height, width } = extent;
    let after = extent.strided(STEM_STRIDE);
    let (above, _) = Padding::Same.sides(height, STEM_KERNEL, STEM_STRIDE);
    let (left, _) = Padding::Same.sides(width, STEM_KERNEL, STEM_STRIDE);
    let mut patches = vec![0.0; after.positions() * PATCH];
    for (y, row) in patches.chunks_exact_mut(after.width * PATCH).enumerate() {
        for tap in 0..COLOURS * STEM_KERNEL {
            let (colour, ky) = (tap / STEM_KERNEL, tap % STEM_KERNEL);
            let from = (y * STEM_STRIDE + ky).checked_sub(above).filter(|&from| from < height);
            let Some(from) = from else { continue };
            let line = &image[(colour * height + from) * width..][..width];
            for (x, patch) in row.chunks_exact_mut(PATCH).enumerate() {
                let place = tap * STEM_KERNEL;
                for (kx, value) in patch[place..place + STEM_KERNEL].iter_mut().enumerate() {
                    let column = (x * STEM_STRIDE + kx).checked_sub(left);
                    if let Some(pixel) = column.and_then(|column| line.get(column)) {
                        *value = *pixel;
                    }
                }
            }
        }
    }
    patches
}
