//! The depthwise convolution: each channel by a filter of its own.
//!
//! A plane is copied once with its zeros around, columns sorted by their remainder to the stride:
//! whatever the stride, a filter's tap then reads neighbours, and no position is a special case.
//! Planes are spread over threads one by one; sums over images are taken in order.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use rayon::prelude::*;

use crate::geometry::Geometry;
use crate::host::{self, Taped};
use crate::planes::{BLOCK, Planes};
use crate::vectors::on_vectors;

/// Convolves `[batch, channels, height, width]` by `[channels, 1, kernel, kernel]`.
pub(crate) fn forward(input: &FlexTensor, weight: &FlexTensor, geometry: Geometry) -> FlexTensor {
    let (input, weight) = (host::in_rows(input), host::in_rows(weight));
    let images = input.layout().shape()[0];
    let [rows, columns] = geometry.positions();
    let taps = geometry.kernel * geometry.kernel;
    let (input, weight) = (host::values(&input), host::values(&weight));
    let [plane, positions] = [geometry.extent[0] * geometry.extent[1], rows * columns];
    let mut output = vec![0.0; images * geometry.channels * positions];
    let image = geometry.channels * positions;
    output.par_chunks_mut(image.max(1)).enumerate().for_each(|(index, output)| {
        let mut planes = Planes::new(geometry);
        for (channel, output) in output.chunks_exact_mut(positions.max(1)).enumerate() {
            let start = (index * geometry.channels + channel) * plane;
            planes.fill(&input[start..][..plane]);
            convolve(&planes, &weight[channel * taps..][..taps], output);
        }
    });
    host::tensor(output, [images, geometry.channels, rows, columns])
}

/// The output on the tape, as a function of input and weight.
pub(crate) fn record(
    nodes: [NodeGuard; 2],
    state: (FlexTensor, FlexTensor, Geometry),
    output: FlexTensor,
) -> FloatTensor<Taped> {
    match DepthwiseGradient.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(state, output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
}

#[derive(Debug)]
struct DepthwiseGradient;

impl Backward<Flex, 2> for DepthwiseGradient {
    type State = (FlexTensor, FlexTensor, Geometry);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let (input, weight, geometry) = &ops.state;
        let gradient = host::in_rows(&gradients.consume::<Flex>(&ops.node));
        let [input_node, weight_node] = &ops.parents;
        if let Some(node) = input_node {
            gradients.register::<Flex>(node.id, input_gradient(weight, &gradient, geometry));
        }
        if let Some(node) = weight_node {
            gradients.register::<Flex>(node.id, weight_gradient(input, &gradient, geometry));
        }
    }
}

fn input_gradient(weight: &FlexTensor, gradient: &FlexTensor, geometry: &Geometry) -> FlexTensor {
    let weight = host::in_rows(weight);
    let images = gradient.layout().shape()[0];
    let [height, width] = geometry.extent;
    let [rows, columns] = geometry.positions();
    let taps = geometry.kernel * geometry.kernel;
    let (weight, gradient) = (host::values(&weight), host::values(gradient));
    let mut found = vec![0.0; images * geometry.image()];
    // With stride 1 it is the convolution of the gradient by the filter turned around.
    let turned = geometry.turned();
    found.par_chunks_mut(geometry.image().max(1)).enumerate().for_each(|(index, found)| {
        let mut planes = Planes::new(turned.unwrap_or(*geometry));
        for (channel, found) in found.chunks_exact_mut((height * width).max(1)).enumerate() {
            let start = (index * geometry.channels + channel) * rows * columns;
            let gradient = &gradient[start..][..rows * columns];
            let filter = &weight[channel * taps..][..taps];
            if turned.is_some() {
                let filter: Vec<f32> = filter.iter().rev().copied().collect();
                planes.fill(gradient);
                convolve(&planes, &filter, found);
            } else {
                planes.clear();
                spread(&mut planes, filter, gradient);
                planes.read(found);
            }
        }
    });
    host::tensor(found, [images, geometry.channels, height, width])
}

fn weight_gradient(input: &FlexTensor, gradient: &FlexTensor, geometry: &Geometry) -> FlexTensor {
    let input = host::in_rows(input);
    let images = gradient.layout().shape()[0];
    let plane = geometry.extent[0] * geometry.extent[1];
    let [rows, columns] = geometry.positions();
    let (channels, kernel) = (geometry.channels, geometry.kernel);
    let (input, gradient) = (host::values(&input), host::values(gradient));
    let mut found = vec![0.0; channels * kernel * kernel];
    found.par_chunks_mut((kernel * kernel).max(1)).enumerate().for_each(|(channel, found)| {
        let mut planes = Planes::new(*geometry);
        for image in 0..images {
            let place = image * channels + channel;
            planes.fill(&input[place * plane..][..plane]);
            let gradient = &gradient[place * rows * columns..][..rows * columns];
            correlate(&planes, gradient, found);
        }
    });
    host::tensor(found, [channels, 1, kernel, kernel])
}

impl Geometry {
    /// The geometry of the gradient's convolution by the filter turned around, which gives that of
    /// the input; `None` where windows do not stand on every pixel, or the padding is wider than
    /// what a window reaches.
    fn turned(&self) -> Option<Self> {
        let rest = |(before, after): (usize, usize)| {
            Some(((self.kernel - 1).checked_sub(before)?, (self.kernel - 1).checked_sub(after)?))
        };
        let padding = [rest(self.padding[0])?, rest(self.padding[1])?];
        (self.stride == 1).then_some(Self { extent: self.positions(), padding, ..*self })
    }
}

/// The sums of what lies under the filter, at every position.
fn convolve(planes: &Planes, filter: &[f32], output: &mut [f32]) {
    // The usual sizes are known when the loops are compiled.
    on_vectors(|| match planes.geometry.kernel {
        3 => convolve_by(planes, 3, filter, output),
        5 => convolve_by(planes, 5, filter, output),
        kernel => convolve_by(planes, kernel, filter, output),
    });
}

#[inline(always)]
fn convolve_by(planes: &Planes, kernel: usize, filter: &[f32], output: &mut [f32]) {
    let filter = &filter[..kernel * kernel];
    for (row, output) in output.chunks_exact_mut(planes.columns.max(1)).enumerate() {
        for (block, output) in output.chunks_mut(BLOCK).enumerate() {
            let mut sums = [0.0_f32; BLOCK];
            for down in 0..kernel {
                for across in 0..kernel {
                    let start = planes.start(row, down, across) + block * BLOCK;
                    let weight = filter[down * kernel + across];
                    let values = &planes.values[start..][..BLOCK];
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum += weight * value;
                    }
                }
            }
            match output.first_chunk_mut() {
                Some(output) => *output = sums,
                None => output.copy_from_slice(&sums[..output.len()]),
            }
        }
    }
}

/// Adds each position's gradient, times the filter, to what lies under it.
fn spread(planes: &mut Planes, filter: &[f32], gradient: &[f32]) {
    let kernel = planes.geometry.kernel;
    on_vectors(|| {
        for (row, gradient) in gradient.chunks_exact(planes.columns.max(1)).enumerate() {
            for down in 0..kernel {
                for across in 0..kernel {
                    let start = planes.start(row, down, across);
                    let weight = filter[down * kernel + across];
                    let values = &mut planes.values[start..][..gradient.len()];
                    for (value, gradient) in values.iter_mut().zip(gradient) {
                        *value += weight * gradient;
                    }
                }
            }
        }
    });
}

/// Adds to each tap of a filter the gradients times what lies under it.
fn correlate(planes: &Planes, gradient: &[f32], filter: &mut [f32]) {
    match planes.geometry.kernel {
        3 => correlate_by::<3>(planes, gradient, filter),
        5 => correlate_by::<5>(planes, gradient, filter),
        _ => correlate_by::<1>(planes, gradient, filter),
    }
}

/// As [`correlate`], `TAPS` taps of a row together.
fn correlate_by<const TAPS: usize>(planes: &Planes, gradient: &[f32], filter: &mut [f32]) {
    let kernel = planes.geometry.kernel;
    on_vectors(|| {
        for (index, taps) in filter.chunks_exact_mut(TAPS).enumerate() {
            let (down, first) = (index * TAPS / kernel, index * TAPS % kernel);
            let mut sums = [[0.0_f32; BLOCK]; TAPS];
            for (row, gradient) in gradient.chunks_exact(planes.columns.max(1)).enumerate() {
                for (block, gradient) in gradient.chunks(BLOCK).enumerate() {
                    let mut own = [0.0_f32; BLOCK];
                    own[..gradient.len()].copy_from_slice(gradient);
                    for (tap, sums) in sums.iter_mut().enumerate() {
                        let start = planes.start(row, down, first + tap) + block * BLOCK;
                        let values = &planes.values[start..][..BLOCK];
                        for ((sum, value), gradient) in sums.iter_mut().zip(values).zip(&own) {
                            *sum += value * gradient;
                        }
                    }
                }
            }
            for (tap, sums) in taps.iter_mut().zip(sums) {
                *tap += sums.iter().sum::<f32>();
            }
        }
    });
}
