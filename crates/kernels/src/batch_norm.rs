//! Batch normalisation of images and series by the statistics of the batch.
//!
//! Forward, a batch is read for its statistics and once more to be normalised; what follows the
//! normalisation in residual networks, an addition and a rectifier, is done on the way. Backward,
//! what the rectifier let through is found again from the input, so that nothing but the input is
//! kept. Each channel's sums are taken in the order of the images, whatever the number of threads.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Tensor;

use crate::host::{self, Place, Taped};
use crate::norm_passes::{Layout, State, forward, input_gradient, passed};

/// What cuts values off after a normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rectifier {
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
}

impl Rectifier {
    /// The largest value that it lets through.
    pub(crate) fn most(self) -> f32 {
        match self {
            Self::Relu => f32::INFINITY,
            Self::Relu6 => 6.0,
        }
    }

    /// Applies it, element by element.
    pub fn forward<const D: usize>(self, input: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Relu => burn::tensor::activation::relu(input),
            Self::Relu6 => input.clamp(0.0, 6.0),
        }
    }
}

/// A normalised batch, and what it was normalised by.
#[derive(Clone, Debug)]
pub struct Normalized<const D: usize> {
    /// The batch, of the input's shape.
    pub output: Tensor<D>,
    /// Means by channel, `[channels]`, not on the tape.
    pub mean: Tensor<1>,
    /// Biased variances by channel, `[channels]`, not on the tape.
    pub variance: Tensor<1>,
}

/// Normalises a batch by its own mean and variance by channel, scales and shifts it, then adds
/// `residual` and cuts off by `rectifier` where they are given (Ioffe and Szegedy, ICML 2015).
///
/// `None` where this is not served: on other devices than the host, and for rows without positions.
///
/// # Shapes
/// - `input`, `residual`, output: `[batch, channels, ...]`
/// - `weight`, `bias`: `[channels]`
///
/// # Panics
/// If the shapes do not fit each other.
pub fn batch_norm<const D: usize>(
    input: &Tensor<D>,
    residual: Option<&Tensor<D>>,
    [weight, bias]: [Tensor<1>; 2],
    epsilon: f64,
    rectifier: Option<Rectifier>,
) -> Option<Normalized<D>> {
    if D < 3 {
        return None;
    }
    let dims = input.dims();
    let other = residual.unwrap_or(input);
    assert_eq!(other.dims(), dims, "what is added has the shape of the input");
    assert_eq!([weight.dims(), bias.dims()], [[dims[1]]; 2], "there is a scale for each channel");
    let devices = [input.device(), other.device(), weight.device(), bias.device()];
    let types = [input.dtype(), other.dtype(), weight.dtype(), bias.dtype()];
    let layout = Layout { channels: dims[1], positions: dims[2..].iter().product(), rectifier };
    let device = input.device().inner();
    let vector = |values: &[f32]| Tensor::<1>::from_floats(values, &device);
    match Place::of(devices, types) {
        Place::Elsewhere => None,
        Place::Host => {
            let residual = residual.map(|it| host::in_rows(&host::host(it.clone())));
            let input = host::in_rows(&host::host(input.clone()));
            let [weight, bias] = [weight, bias].map(host::host);
            let (output, state) = forward(input, residual, [&weight, &bias], epsilon, layout);
            Some(Normalized {
                output: Tensor::from_primitive::<Flex>(host::tensor(output, dims)),
                mean: vector(&state.mean),
                variance: vector(&state.variance),
            })
        }
        Place::TapedHost => {
            let (input, input_node) = host::taped(input.clone()).into_parts();
            let (weight, weight_node) = host::taped(weight).into_parts();
            let (bias, bias_node) = host::taped(bias).into_parts();
            let residual = residual.map(|it| host::taped(it.clone()).into_parts());
            let (added, added_node) = residual.unzip();
            let added = added.map(|it| host::in_rows(&it));
            let input = host::in_rows(&input);
            let (output, state) = forward(input, added, [&weight, &bias], epsilon, layout);
            let (mean, variance) = (vector(&state.mean), vector(&state.variance));
            let output = host::tensor(output, dims);
            let nodes = [input_node, weight_node, bias_node];
            let output = match added_node {
                None => record(nodes, state, output),
                Some(added) => {
                    let [input, weight, bias] = nodes;
                    record([input, weight, bias, added], state, output)
                }
            };
            let output = Tensor::from_primitive::<Taped>(output);
            Some(Normalized { output, mean, variance })
        }
    }
}

/// The output on the tape, as a function of input, weight, bias and, if it is the fourth, residual.
fn record<const N: usize>(
    nodes: [NodeGuard; N],
    state: State,
    output: FlexTensor,
) -> FloatTensor<Taped> {
    match NormGradient.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(state, output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
}

#[derive(Debug)]
struct NormGradient;

impl<const N: usize> Backward<Flex, N> for NormGradient {
    type State = State;

    fn backward(
        self,
        ops: Ops<State, N>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let state = &ops.state;
        let gradient = host::in_rows(&gradients.consume::<Flex>(&ops.node));
        let shape = gradient.layout().shape().clone();
        let values = host::values(&gradient);
        let (passed, sums) = passed(state, values);
        let by_channel = |of: fn(&[f64; 2], f64) -> f64| {
            let both = sums.iter().zip(&state.inverse);
            let values = both.map(|(sums, &inverse)| of(sums, f64::from(inverse)) as f32).collect();
            host::tensor(values, [state.layout.channels])
        };
        let [input, weight, bias] = [0, 1, 2].map(|index| ops.parents[index].as_ref());
        if let Some(node) = weight {
            gradients
                .register::<Flex>(node.id, by_channel(|[_, products], inverse| products * inverse));
        }
        if let Some(node) = bias {
            gradients.register::<Flex>(node.id, by_channel(|[sum, _], _| *sum));
        }
        if let Some(node) = input {
            let found = input_gradient(state, values, passed.as_deref(), &sums);
            let found = host::shaped(found, shape.clone());
            gradients.register::<Flex>(node.id, found);
        }
        if let Some(Some(node)) = ops.parents.get(3) {
            let found = match passed {
                Some(passed) => host::shaped(passed, shape),
                None => gradient,
            };
            gradients.register::<Flex>(node.id, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{all, close, leaf};

    /// The same by burn's operations.
    fn by_definition(
        input: Tensor<4>,
        residual: Option<Tensor<4>>,
        [weight, bias]: [Tensor<1>; 2],
        rectifier: Option<Rectifier>,
    ) -> Tensor<4> {
        let [batch, channels, height, width] = input.dims();
        let samples = (batch * height * width) as f64;
        let mean_of =
            |values: Tensor<4>| values.sum_dim(0).sum_dim(2).sum_dim(3).div_scalar(samples);
        let wide = |values: Tensor<1>| values.reshape([1, channels, 1, 1]);
        let centred = input.clone() - mean_of(input);
        let deviation = mean_of(centred.clone().square()).add_scalar(1e-5).sqrt();
        let mut output = centred / deviation * wide(weight) + wide(bias);
        if let Some(residual) = residual {
            output = output + residual;
        }
        rectifier.map_or_else(|| output.clone(), |it| it.forward(output.clone()))
    }

    #[test]
    fn values_and_gradients_are_those_of_the_definition() {
        for shape in [[5, 3, 4, 6], [2, 4, 9, 9], [3, 1, 1, 2], [1, 2, 70, 70]] {
            let channels = shape[1];
            for (has_residual, rectifier) in [
                (false, None),
                (true, None),
                (false, Some(Rectifier::Relu)),
                (true, Some(Rectifier::Relu)),
                (true, Some(Rectifier::Relu6)),
            ] {
                let input = leaf(shape, 1).mul_scalar(3.0).add_scalar(0.7).detach().require_grad();
                let residual = has_residual.then(|| leaf(shape, 2));
                let weight = leaf([channels], 3).mul_scalar(4.0).detach().require_grad();
                let bias = leaf([channels], 4);
                let both = || [weight.clone(), bias.clone()];
                let theirs = by_definition(input.clone(), residual.clone(), both(), rectifier);
                let ours = batch_norm(&input, residual.as_ref(), both(), 1e-5, rectifier);
                let ours = ours.unwrap().output;
                close(&all(ours.clone()), &all(theirs.clone()), 1e-5);
                let factor = leaf(shape, 5).detach();
                let [ours, theirs] =
                    [ours, theirs].map(|output| (output * factor.clone()).sum().backward());
                for of in [Some(&input), residual.as_ref()].into_iter().flatten() {
                    let [found, wanted] = [&ours, &theirs].map(|it| all(of.grad(it).unwrap()));
                    close(&found, &wanted, 1e-5);
                }
                for of in [&weight, &bias] {
                    let [found, wanted] = [&ours, &theirs].map(|it| all(of.grad(it).unwrap()));
                    close(&found, &wanted, 1e-5);
                }
            }
        }
    }

    #[test]
    fn off_the_tape_it_is_the_same_and_the_statistics_are_told() {
        let input = leaf([4, 2, 3, 3], 1).add_scalar(100.0);
        let (weight, bias) = (leaf([2], 2), leaf([2], 3));
        let taped = batch_norm(&input, None, [weight.clone(), bias.clone()], 1e-5, None).unwrap();
        let inner =
            batch_norm(&input.clone().inner(), None, [weight.inner(), bias.inner()], 1e-5, None);
        assert_eq!(all(taped.output), all(inner.unwrap().output));
        let values = all(input.swap_dims(0, 1).reshape([2, 36]));
        for (channel, values) in values.chunks(36).enumerate() {
            let mean = values.iter().map(|&it| f64::from(it)).sum::<f64>() / 36.0;
            let squares = values.iter().map(|&it| (f64::from(it) - mean).powi(2)).sum::<f64>();
            close(&[all(taped.mean.clone())[channel]], &[mean as f32], 1e-6);
            // A variance of values that are far from 0 is not lost in their size.
            close(&[all(taped.variance.clone())[channel]], &[(squares / 36.0) as f32], 1e-5);
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (input, residual) = (leaf([7, 5, 6, 6], 1), leaf([7, 5, 6, 6], 2));
                let both = [leaf([5], 3), leaf([5], 4)];
                let [weight, bias] = both.clone();
                let relu = Some(Rectifier::Relu);
                let output = batch_norm(&input, Some(&residual), both, 1e-5, relu).unwrap().output;
                let gradients = output.clone().square().sum().backward();
                [
                    all(output),
                    all(input.grad(&gradients).unwrap()),
                    all(weight.grad(&gradients).unwrap()),
                    all(bias.grad(&gradients).unwrap()),
                ]
            })
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn what_is_no_number_is_not_hidden_and_an_empty_batch_stays_empty() {
        let both = || [leaf([2], 1), leaf([2], 2)];
        let input = leaf([1, 2, 2, 2], 3);
        let spoiled = input.clone() * f32::NAN;
        let output = batch_norm(&spoiled, None, both(), 1e-5, Some(Rectifier::Relu6)).unwrap();
        assert!(all(output.output).iter().all(|value| value.is_nan()));
        let empty = leaf([0, 2, 2, 2], 3);
        let output = batch_norm(&empty, None, both(), 1e-5, None);
        assert_eq!(output.unwrap().output.dims(), [0, 2, 2, 2]);
    }

    #[test]
    fn rows_without_positions_are_not_served() {
        assert!(
            batch_norm(&leaf([4, 2], 1), None, [leaf([2], 2), leaf([2], 3)], 1e-5, None).is_none()
        );
    }
}
