//! The two-dimensional convolution.
//!
//! Forward, each image's patches are multiplied by the weight. Backward, the same patches and the
//! output's gradient make the weight's gradient, and the weight and the output's gradient make
//! that of the patches. Images are spread over threads in chunks whose number does not depend on
//! how many threads there are, and sums over chunks are taken in order: neither do the results.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, module};
use rayon::prelude::*;

use crate::geometry::Geometry;
use crate::host::{self, Place, Taped};
use crate::matrix::{Matrix, add_product, set_product};
use crate::patches::{gather, scatter_add};

/// Chunks that the images of a batch are divided into.
const CHUNKS: usize = 8;

/// Convolves images, as PyTorch's `conv2d` does (the kernel is not flipped).
///
/// `groups` above 1 are handed to burn.
///
/// # Shapes
/// - `input`: `[batch, channels, height, width]`, the extents those of `geometry`
/// - `weight`: `[output, channels / groups, kernel, kernel]`
/// - `bias`: `[output]`
/// - result: `[batch, output, rows, columns]` of [`Geometry::positions`]
///
/// # Panics
/// If the shapes do not fit each other or the geometry.
pub fn convolution(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    geometry: Geometry,
    groups: usize,
) -> Tensor<4> {
    let devices = [
        input.device(),
        weight.device(),
        bias.as_ref().map_or(weight.device(), |bias| bias.device()),
    ];
    match Place::of(devices, [input.dtype(), weight.dtype(), weight.dtype()]) {
        Place::Host if groups == 1 => {
            check(&input, &weight, geometry);
            let bias = bias.map(host::host);
            let output = forward(&host::host(input), &host::host(weight), bias.as_ref(), geometry);
            Tensor::from_primitive::<Flex>(output)
        }
        Place::TapedHost if groups == 1 => {
            check(&input, &weight, geometry);
            Tensor::from_primitive::<Taped>(on_tape(input, weight, bias, geometry))
        }
        _ => {
            let options = ConvOptions::new_with_padding(
                [geometry.stride; 2],
                geometry.padding,
                [1, 1],
                groups,
            );
            module::conv2d(input, weight, bias, options)
        }
    }
}

fn check(input: &Tensor<4>, weight: &Tensor<4>, geometry: Geometry) {
    let Geometry { channels, extent: [height, width], kernel, .. } = geometry;
    assert_eq!(input.dims()[1..], [channels, height, width], "images fit the geometry");
    assert_eq!(weight.dims()[1..], [channels, kernel, kernel], "the weight fits the geometry");
}

fn on_tape(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    geometry: Geometry,
) -> burn::backend::tensor::FloatTensor<Taped> {
    let (input, input_node) = host::taped(input).into_parts();
    let (weight, weight_node) = host::taped(weight).into_parts();
    match bias.map(|bias| host::taped(bias).into_parts()) {
        Some((bias, bias_node)) => {
            let output = forward(&input, &weight, Some(&bias), geometry);
            record([input_node, weight_node, bias_node], (input, weight, geometry), output)
        }
        None => {
            let output = forward(&input, &weight, None, geometry);
            record([input_node, weight_node], (input, weight, geometry), output)
        }
    }
}

/// The output on the tape, as a function of input, weight and, if it is the third, bias.
fn record<const N: usize>(
    nodes: [NodeGuard; N],
    state: State,
    output: FlexTensor,
) -> burn::backend::tensor::FloatTensor<Taped> {
    match ConvolutionGradient.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(state, output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
}

/// Calls `work` with the patches of an image; where the window is one pixel, they are the image.
fn with_patches(
    image: &[f32],
    geometry: &Geometry,
    buffer: &mut Vec<f32>,
    work: impl FnOnce(Matrix<'_>),
) {
    let [rows, columns] = geometry.positions();
    let positions = rows * columns;
    if geometry.is_pointwise() {
        return work(Matrix::new(image, geometry.channels, positions));
    }
    buffer.resize(geometry.window() * positions, 0.0);
    gather(image, geometry, buffer);
    work(Matrix::new(buffer, geometry.window(), positions));
}

fn chunk(images: usize) -> usize {
    images.div_ceil(CHUNKS).max(1)
}

fn forward(
    input: &FlexTensor,
    weight: &FlexTensor,
    bias: Option<&FlexTensor>,
    geometry: Geometry,
) -> FlexTensor {
    let images = input.layout().shape()[0];
    let outputs = weight.layout().shape()[0];
    let [rows, columns] = geometry.positions();
    let size = outputs * rows * columns;
    let (input, weight) = (host::in_rows(input), host::in_rows(weight));
    let weight = Matrix::new(host::values(&weight), outputs, geometry.window());
    let bias = bias.map(host::in_rows);

    // Starts at the bias, to which the products are added.
    let mut output = Vec::with_capacity(images * size);
    match &bias {
        Some(bias) => (0..images).for_each(|_| {
            for &bias in host::values(bias) {
                output.resize(output.len() + rows * columns, bias);
            }
        }),
        None => output.resize(images * size, 0.0),
    }
    let chunk = chunk(images);
    output
        .par_chunks_mut((chunk * size).max(1))
        .zip(host::values(&input).par_chunks(chunk * geometry.image()))
        .for_each(|(outputs, images)| {
            let mut buffer = Vec::new();
            let images = images.chunks_exact(geometry.image());
            for (output, image) in outputs.chunks_exact_mut(size).zip(images) {
                with_patches(image, &geometry, &mut buffer, |patches| {
                    add_product(weight, patches, output);
                });
            }
        });
    host::tensor(output, [images, outputs, rows, columns])
}

/// Input, weight, and where the window stands.
type State = (FlexTensor, FlexTensor, Geometry);

#[derive(Debug)]
struct ConvolutionGradient;

impl<const N: usize> Backward<Flex, N> for ConvolutionGradient {
    type State = State;

    fn backward(
        self,
        ops: Ops<State, N>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let (input, weight, geometry) = &ops.state;
        let (input, weight) = (host::in_rows(input), host::in_rows(weight));
        let gradient = host::in_rows(&gradients.consume::<Flex>(&ops.node));
        for (index, node) in ops.parents.iter().enumerate() {
            let Some(node) = node else { continue };
            let found = match index {
                0 => input_gradient(&input, &weight, &gradient, geometry),
                1 => weight_gradient(&input, &weight, &gradient, geometry),
                _ => bias_gradient(&gradient),
            };
            gradients.register::<Flex>(node.id, found);
        }
    }
}

fn shape(tensor: &FlexTensor) -> [usize; 4] {
    std::array::from_fn(|axis| tensor.layout().shape()[axis])
}

fn weight_gradient(
    input: &FlexTensor,
    weight: &FlexTensor,
    gradient: &FlexTensor,
    geometry: &Geometry,
) -> FlexTensor {
    let [images, outputs, rows, columns] = shape(gradient);
    let positions = rows * columns;
    let size = outputs * positions;
    let chunk = chunk(images);
    let parts: Vec<Vec<f32>> = host::values(input)
        .par_chunks((chunk * geometry.image()).max(1))
        .zip(host::values(gradient).par_chunks((chunk * size).max(1)))
        .map(|(images, gradients)| {
            let mut buffer = Vec::new();
            let mut sum = vec![0.0; outputs * geometry.window()];
            let images = images.chunks_exact(geometry.image());
            for (image, gradient) in images.zip(gradients.chunks_exact(size)) {
                let gradient = Matrix::new(gradient, outputs, positions);
                with_patches(image, geometry, &mut buffer, |patches| {
                    add_product(gradient, patches.transposed(), &mut sum);
                });
            }
            sum
        })
        .collect();
    let mut total = vec![0.0; outputs * geometry.window()];
    for part in parts {
        for (total, value) in total.iter_mut().zip(part) {
            *total += value;
        }
    }
    host::tensor(total, shape(weight))
}

fn input_gradient(
    input: &FlexTensor,
    weight: &FlexTensor,
    gradient: &FlexTensor,
    geometry: &Geometry,
) -> FlexTensor {
    let [images, outputs, rows, columns] = shape(gradient);
    let positions = rows * columns;
    let size = outputs * positions;
    let weight = Matrix::new(host::values(weight), outputs, geometry.window()).transposed();
    let chunk = chunk(images);
    let mut found = vec![0.0; images * geometry.image()];
    found
        .par_chunks_mut((chunk * geometry.image()).max(1))
        .zip(host::values(gradient).par_chunks((chunk * size).max(1)))
        .for_each(|(images, gradients)| {
            let mut buffer = Vec::new();
            let images = images.chunks_exact_mut(geometry.image());
            for (image, gradient) in images.zip(gradients.chunks_exact(size)) {
                let gradient = Matrix::new(gradient, outputs, positions);
                if geometry.is_pointwise() {
                    set_product(weight, gradient, image);
                } else {
                    buffer.resize(geometry.window() * positions, 0.0);
                    set_product(weight, gradient, &mut buffer);
                    scatter_add(&buffer, geometry, image);
                }
            }
        });
    host::tensor(found, shape(input))
}

fn bias_gradient(gradient: &FlexTensor) -> FlexTensor {
    let [_, outputs, rows, columns] = shape(gradient);
    let positions = rows * columns;
    let mut sums = vec![0.0; outputs];
    let planes = host::values(gradient).chunks_exact(positions.max(1)).enumerate();
    for (index, plane) in planes {
        sums[index % outputs] += plane.iter().sum::<f32>();
    }
    host::tensor(sums, [outputs])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{all, close, leaf};

    /// Value and all gradients of our own against burn's, for a weighted sum of the outputs.
    fn held_against_burn(geometry: Geometry, batch: usize, outputs: usize, bias: bool) {
        let Geometry { channels, extent: [height, width], kernel, stride, padding } = geometry;
        let input = leaf([batch, channels, height, width], 1);
        let weight = leaf([outputs, channels, kernel, kernel], 2);
        let bias = bias.then(|| leaf([outputs], 3));
        let options = ConvOptions::new_with_padding([stride; 2], padding, [1, 1], 1);
        let theirs = module::conv2d(input.clone(), weight.clone(), bias.clone(), options);
        let ours = convolution(input.clone(), weight.clone(), bias.clone(), geometry, 1);
        assert_eq!(ours.dims(), theirs.dims());
        close(&all(ours.clone()), &all(theirs.clone()), 1e-5);
        let factor = leaf(ours.dims(), 4).detach();
        let [ours, theirs] =
            [ours, theirs].map(|output| (output * factor.clone()).sum().backward());
        let gradient = |of: &Tensor<4>| [&ours, &theirs].map(|all| of.grad(all).unwrap());
        for of in [&input, &weight] {
            let [found, wanted] = gradient(of).map(all);
            close(&found, &wanted, 1e-5);
        }
        if let Some(bias) = bias {
            let [found, wanted] = [&ours, &theirs].map(|all| bias.grad(all).unwrap()).map(all);
            close(&found, &wanted, 1e-5);
        }
        let flat = convolution(input.inner(), weight.inner(), None, geometry, 1);
        assert_eq!(flat.dims()[1], outputs);
    }

    #[test]
    fn values_and_gradients_are_those_of_burn() {
        let padded = [(0, 1), (1, 2)];
        for (channels, extent, kernel, stride, padding) in [
            (1, [8, 8], 5, 1, [(0, 0); 2]),
            (3, [7, 9], 3, 1, [(1, 1); 2]),
            (2, [7, 6], 3, 2, padded),
            (4, [5, 5], 1, 1, [(0, 0); 2]),
            (4, [5, 5], 1, 2, [(0, 0); 2]),
        ] {
            let geometry = Geometry { channels, extent, kernel, stride, padding };
            held_against_burn(geometry, 3, 5, true);
            held_against_burn(geometry, 11, 2, false);
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let geometry =
            Geometry { channels: 3, extent: [9, 9], kernel: 3, stride: 1, padding: [(1, 1); 2] };
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (input, weight) = (leaf([13, 3, 9, 9], 1), leaf([4, 3, 3, 3], 2));
                let output = convolution(input.clone(), weight.clone(), None, geometry, 1);
                let gradients = output.clone().square().sum().backward();
                [output.detach(), input.grad(&gradients).unwrap(), weight.grad(&gradients).unwrap()]
                    .map(all)
            })
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn groups_are_left_to_burn() {
        let geometry =
            Geometry { channels: 4, extent: [6, 6], kernel: 3, stride: 1, padding: [(1, 1); 2] };
        let (input, weight) = (leaf([2, 4, 6, 6], 1), leaf([4, 1, 3, 3], 2));
        let options = ConvOptions::new_with_padding([1, 1], [(1, 1); 2], [1, 1], 4);
        let theirs = module::conv2d(input.clone(), weight.clone(), None, options);
        assert_eq!(all(convolution(input, weight, None, geometry, 4)), all(theirs));
    }

    #[test]
    fn a_frozen_weight_gets_no_gradient_and_the_input_does() {
        let geometry =
            Geometry { channels: 2, extent: [5, 5], kernel: 3, stride: 1, padding: [(0, 0); 2] };
        let input = leaf([2, 2, 5, 5], 1);
        let weight = Tensor::from_inner(leaf([3, 2, 3, 3], 2).inner());
        let gradients =
            convolution(input.clone(), weight.clone(), None, geometry, 1).sum().backward();
        assert!(weight.grad(&gradients).is_none());
        assert!(all(input.grad(&gradients).unwrap()).iter().any(|&value| value != 0.0));
    }
}
