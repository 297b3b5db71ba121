//! The two-dimensional convolution.
//!
//! Which of the crate's ways serves a convolution, and its place on the tape. How images are divided
//! does not depend on how many threads there are, and sums are taken in order: neither do the results.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, module};

use crate::depthwise;
use crate::geometry::Geometry;
use crate::host::{self, Place, Taped};
use crate::patch_products::{self, input_gradient, shape, weight_gradient};
use crate::winograd;

/// Convolves images, as PyTorch's `conv2d` does (the kernel is not flipped).
///
/// `groups` above 1 are handed to burn, unless each channel is a group with one filter.
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
        Place::Host if is_depthwise(&weight, geometry, groups) => {
            let output = depthwise::forward(&host::host(input), &host::host(weight), geometry);
            with_bias(Tensor::from_primitive::<Flex>(output), bias)
        }
        Place::TapedHost if is_depthwise(&weight, geometry, groups) => {
            let (input, input_node) = host::taped(input).into_parts();
            let (weight, weight_node) = host::taped(weight).into_parts();
            let output = depthwise::forward(&input, &weight, geometry);
            let nodes = [input_node, weight_node];
            let output = depthwise::record(nodes, (input, weight, geometry), output);
            with_bias(Tensor::from_primitive::<Taped>(output), bias)
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

/// Whether each channel has a filter of its own.
fn is_depthwise(weight: &Tensor<4>, geometry: Geometry, groups: usize) -> bool {
    let Geometry { channels, kernel, .. } = geometry;
    groups == channels && weight.dims() == [channels, 1, kernel, kernel]
}

fn with_bias(output: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
    match bias {
        None => output,
        Some(bias) => {
            let channels = bias.dims()[0];
            output + bias.reshape([1, channels, 1, 1])
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

fn forward(
    input: &FlexTensor,
    weight: &FlexTensor,
    bias: Option<&FlexTensor>,
    geometry: Geometry,
) -> FlexTensor {
    let (input, weight) = (host::in_rows(input), host::in_rows(weight));
    if winograd::serves(&geometry, shape(&weight)[0]) {
        winograd::forward(&input, &weight, bias, &geometry)
    } else {
        patch_products::forward(&input, &weight, bias, geometry)
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
        let outputs = shape(&weight)[0];
        let wanted = [0, 1].map(|index| ops.parents[index].is_some());
        let [of_input, of_weight] = if winograd::serves(geometry, outputs) {
            winograd::gradients(&input, &weight, &gradient, geometry, wanted)
        } else {
            [
                wanted[0].then(|| input_gradient(&input, &weight, &gradient, geometry)),
                wanted[1].then(|| weight_gradient(&input, &weight, &gradient, geometry)),
            ]
        };
        let of_bias = ops.parents.get(2).is_some_and(Option::is_some);
        let all = [of_input, of_weight, of_bias.then(|| bias_gradient(&gradient))];
        for (node, found) in ops.parents.iter().zip(all) {
            if let (Some(node), Some(found)) = (node, found) {
                gradients.register::<Flex>(node.id, found);
            }
        }
    }
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
        // Windows of 3 x 3 over many channels: tiles that are whole and not, of one image and several.
        for (extent, padding) in [
            ([8, 8], [(1, 1); 2]),
            ([7, 9], [(1, 1); 2]),
            ([6, 21], [(0, 0), (2, 1)]),
            ([40, 35], [(1, 1); 2]),
        ] {
            let geometry = Geometry { channels: 17, extent, kernel: 3, stride: 1, padding };
            assert!(winograd::serves(&geometry, 16));
            held_against_burn(geometry, 3, 16, true);
            held_against_burn(geometry, 1, 19, false);
        }
        // Large weights, whose images stand side by side: in pairs with one left, and all together.
        for (extent, kernel, outputs) in [([3, 3], 3, 64), ([2, 2], 1, 1100), ([1, 1], 3, 64)] {
            let padding = [(kernel / 2, kernel / 2); 2];
            let geometry = Geometry { channels: 24, extent, kernel, stride: 1, padding };
            assert!(patch_products::together(&geometry, outputs, 7) > 1);
            held_against_burn(geometry, 7, outputs, true);
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

    /// Value and gradients against burn's, of as many groups as there are channels.
    #[test]
    fn depthwise_convolutions_are_those_of_burn() {
        for (channels, extent, kernel, stride, padding) in [
            (4, [6, 6], 3, 1, [(1, 1); 2]),
            (3, [7, 19], 5, 1, [(2, 2); 2]),
            (2, [9, 8], 3, 2, [(0, 1), (1, 1)]),
            (2, [11, 21], 5, 2, [(1, 2), (2, 2)]),
            (2, [12, 7], 2, 3, [(0, 0), (1, 0)]),
            (1, [4, 4], 3, 1, [(4, 3), (0, 0)]),
        ] {
            for batch in [1, 3] {
                let geometry = Geometry { channels, extent, kernel, stride, padding };
                let input = leaf([batch, channels, extent[0], extent[1]], 1);
                let (weight, bias) = (leaf([channels, 1, kernel, kernel], 2), leaf([channels], 3));
                let options = ConvOptions::new_with_padding([stride; 2], padding, [1, 1], channels);
                let (one, other) = (input.clone(), weight.clone());
                let theirs = module::conv2d(one, other, Some(bias.clone()), options);
                let (one, other) = (input.clone(), weight.clone());
                let ours = convolution(one, other, Some(bias.clone()), geometry, channels);
                close(&all(ours.clone()), &all(theirs.clone()), 1e-5);
                let (one, other) = (input.clone().inner(), weight.clone().inner());
                let plain = convolution(one, other, Some(bias.clone().inner()), geometry, channels);
                assert_eq!(all(plain), all(ours.clone()));
                let factor = leaf(ours.dims(), 4).detach();
                let [ours, theirs] =
                    [ours, theirs].map(|output| (output * factor.clone()).sum().backward());
                for of in [&input, &weight] {
                    let [found, wanted] = [&ours, &theirs].map(|it| all(of.grad(it).unwrap()));
                    close(&found, &wanted, 1e-5);
                }
                let [found, wanted] = [&ours, &theirs].map(|it| all(bias.grad(it).unwrap()));
                close(&found, &wanted, 1e-5);
            }
        }
    }

    #[test]
    fn other_groups_are_left_to_burn() {
        let geometry =
            Geometry { channels: 4, extent: [6, 6], kernel: 3, stride: 1, padding: [(1, 1); 2] };
        let (input, weight) = (leaf([2, 4, 6, 6], 1), leaf([4, 2, 3, 3], 2));
        let options = ConvOptions::new_with_padding([1, 1], [(1, 1); 2], [1, 1], 2);
        let theirs = module::conv2d(input.clone(), weight.clone(), None, options);
        assert_eq!(all(convolution(input, weight, None, geometry, 2)), all(theirs));
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
