//! The linear map.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::tensor::{Tensor, module};

use crate::host::{self, Place, Taped};
use crate::matrix::{product, transpose};

/// `y = x W + b`.
///
/// # Shapes
/// - `input`: `[batch, input]`
/// - `weight`: `[input, output]`
/// - `bias`: `[output]`
/// - result: `[batch, output]`
pub fn linear(input: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    let devices = [input.device(), weight.device(), bias.device()];
    match Place::of(devices, [input.dtype(), weight.dtype(), bias.dtype()]) {
        Place::Elsewhere => module::linear(input, weight, Some(bias)),
        Place::Host => Tensor::from_primitive::<Flex>(forward(
            &host::host(input),
            &host::host(weight),
            &host::host(bias),
        )),
        Place::TapedHost => {
            let (input, input_node) = host::taped(input).into_parts();
            let (weight, weight_node) = host::taped(weight).into_parts();
            let (bias, bias_node) = host::taped(bias).into_parts();
            let output = forward(&input, &weight, &bias);
            let prepared = LinearGradient
                .prepare::<NoCheckpointing>([input_node, weight_node, bias_node])
                .compute_bound()
                .stateful();
            Tensor::from_primitive::<Taped>(match prepared {
                OpsKind::Tracked(prepared) => prepared.finish((input, weight), output),
                OpsKind::UnTracked(prepared) => prepared.finish(output),
            })
        }
    }
}

fn forward(input: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor) -> FlexTensor {
    let rows = input.layout().shape()[0];
    let outputs = weight.layout().shape()[1];
    let mut output = host::with_matrix(input, |input| {
        host::with_matrix(weight, |weight| product(input, weight))
    });
    let bias = host::in_rows(bias);
    let bias = host::values(&bias);
    for row in output.chunks_exact_mut(outputs.max(1)) {
        for (value, bias) in row.iter_mut().zip(bias) {
            *value += bias;
        }
    }
    host::tensor(output, [rows, outputs])
}

/// Outputs from which turning matrices of the batch pays, see [`input_gradient`].
const TURNED_FROM: usize = 64;

#[derive(Debug)]
struct LinearGradient;

impl Backward<Flex, 3> for LinearGradient {
    type State = (FlexTensor, FlexTensor);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [input_node, weight_node, bias_node] = ops.parents;
        let (input, weight) = ops.state;
        let gradient = gradients.consume::<Flex>(&ops.node);
        if let Some(node) = input_node {
            gradients.register::<Flex>(node.id, input_gradient(&weight, &gradient));
        }
        if let Some(node) = weight_node {
            let [inputs, outputs] = [input.layout().shape()[1], gradient.layout().shape()[1]];
            let values = host::with_matrix(&input, |input| {
                host::with_matrix(&gradient, |gradient| product(input.transposed(), gradient))
            });
            gradients.register::<Flex>(node.id, host::tensor(values, [inputs, outputs]));
        }
        if let Some(node) = bias_node {
            gradients.register::<Flex>(node.id, bias_gradient(&gradient));
        }
    }
}

/// `g Wᵀ`, found as `(W gᵀ)ᵀ` where the batch is the smaller side: only matrices of the batch's
/// size are turned then, and the weight is read as it lies. Half the time at `[64, 1024]`.
fn input_gradient(weight: &FlexTensor, gradient: &FlexTensor) -> FlexTensor {
    let rows = gradient.layout().shape()[0];
    let inputs = weight.layout().shape()[0];
    let values = host::with_matrix(weight, |weight| {
        host::with_matrix(gradient, |gradient| {
            if rows < inputs && gradient.columns() >= TURNED_FROM {
                transpose(&product(weight, gradient.transposed()), inputs, rows)
            } else {
                product(gradient, weight.transposed())
            }
        })
    });
    host::tensor(values, [rows, inputs])
}

fn bias_gradient(gradient: &FlexTensor) -> FlexTensor {
    let outputs = gradient.layout().shape()[1];
    let gradient = host::in_rows(gradient);
    let mut sums = vec![0.0; outputs];
    for row in host::values(&gradient).chunks_exact(outputs.max(1)) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
    host::tensor(sums, [outputs])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{all, close, leaf};

    #[test]
    fn values_and_gradients_are_those_of_burn() {
        for (batch, inputs, outputs) in [(1, 1, 1), (5, 7, 3), (64, 100, 80), (80, 20, 90)] {
            let (input, weight) = (leaf([batch, inputs], 1), leaf([inputs, outputs], 2));
            let bias = leaf([outputs], 3);
            let theirs = module::linear(input.clone(), weight.clone(), Some(bias.clone()));
            let ours = linear(input.clone(), weight.clone(), bias.clone());
            close(&all(ours.clone()), &all(theirs.clone()), 1e-6);
            let factor = leaf([batch, outputs], 4).detach();
            let [ours, theirs] =
                [ours, theirs].map(|output| (output * factor.clone()).sum().backward());
            for of in [&input, &weight] {
                let [found, wanted] = [&ours, &theirs].map(|all| of.grad(all).unwrap()).map(all);
                close(&found, &wanted, 1e-5);
            }
            let [found, wanted] = [&ours, &theirs].map(|all| bias.grad(all).unwrap()).map(all);
            close(&found, &wanted, 1e-5);
        }
    }

    #[test]
    fn operands_may_lie_in_any_order_and_leave_gaps() {
        let input = leaf([9, 6], 1).transpose().narrow(1, 2, 5);
        let weight = leaf([8, 5], 2).transpose().flip([1]);
        let bias = leaf([8], 3).flip([0]);
        let theirs = module::linear(input.clone(), weight.clone(), Some(bias.clone()));
        close(&all(linear(input, weight, bias)), &all(theirs), 1e-6);
    }

    #[test]
    fn off_the_tape_the_values_are_the_same() {
        let (input, weight, bias) = (leaf([4, 3], 1), leaf([3, 2], 2), leaf([2], 3));
        let taped = linear(input.clone(), weight.clone(), bias.clone());
        assert_eq!(all(linear(input.inner(), weight.inner(), bias.inner())), all(taped));
    }

    /// Data is not on the tape where it was made for prediction; burn's own way serves then.
    #[test]
    fn operands_of_both_kinds_are_served() {
        let (input, weight, bias) = (leaf([4, 3], 1), leaf([3, 2], 2), leaf([2], 3));
        let constant = Tensor::from_inner(input.clone().inner());
        let wanted = all(linear(input, weight.clone(), bias.clone()));
        let found = linear(constant, weight.clone(), bias);
        close(&all(found.clone()), &wanted, 1e-6);
        assert!(weight.grad(&found.sum().backward()).is_some());
    }
}
