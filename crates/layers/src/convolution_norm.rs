//! A convolution followed by batch normalisation.

use burn::module::Module;
use burn::tensor::Tensor;
use isthmus_core::context::{Context, Grouping};
use isthmus_core::export::below;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::parts::BuildContext;

use crate::{AfterNorm, Convolution, ConvolutionShape, DomainBatchNorm, Initial};

/// A convolution without bias and the normalisation of its output.
#[derive(Module, Debug)]
pub struct ConvolutionNorm {
    /// The convolution.
    pub convolution: Convolution,
    /// The normalisation.
    pub norm: DomainBatchNorm,
}

/// The published names of a [`ConvolutionNorm`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitNames {
    /// Name of the convolution.
    pub convolution: String,
    /// Name of the normalisation.
    pub norm: String,
}

impl ConvolutionNorm {
    /// A convolution started by He's method and PyTorch's normalisation.
    pub fn new(shape: ConvolutionShape, context: &BuildContext) -> Self {
        let initial = Initial::he_normal(shape.output / shape.groups * shape.kernel.pow(2));
        Self {
            convolution: Convolution::without_bias(shape, initial, context),
            norm: DomainBatchNorm::new(shape.output, context),
        }
    }

    /// As PyTorch's convolution and normalisation of these names.
    pub fn pytorch(&self, names: &UnitNames, grouping: Grouping) -> Vec<NamedTensor> {
        let mut tensors = below(self.convolution.pytorch(), &names.convolution);
        tensors.extend(below(self.norm.pytorch(grouping), &names.norm));
        tensors
    }

    /// `[batch, input, height, width]` to `[batch, output, height', width']`.
    ///
    /// Off the tape, a normalisation by running statistics is folded into the convolution.
    pub fn forward(&mut self, input: Tensor<4>, context: &Context) -> Tensor<4> {
        self.forward_then(input, AfterNorm::default(), context)
    }

    /// As [`forward`](Self::forward), and what comes after the normalisation.
    pub fn forward_then(
        &mut self,
        input: Tensor<4>,
        after: AfterNorm<4>,
        context: &Context,
    ) -> Tensor<4> {
        if !self.convolution.weight.val().is_autodiff()
            && let Some((scale, shift)) = self.norm.folded(context)
        {
            return after.apply(self.convolution.forward_scaled(input, scale, shift));
        }
        let output = self.convolution.forward(input);
        self.norm.forward_then(output, after, context)
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::context::{Grouping, NormPolicy};

    use super::*;
    use crate::Padding;
    use crate::testing::{build_context, close, evaluation, joint_training, normal, values};

    #[test]
    fn folding_changes_nothing() {
        let shape = ConvolutionShape {
            input: 3,
            output: 4,
            kernel: 3,
            stride: 2,
            padding: Padding::Same,
            groups: 1,
        };
        let mut unit = ConvolutionNorm::new(shape, &build_context(1));
        for step in 0..3 {
            let images = normal([6, 3, 8, 8], step);
            unit.forward(images.clone(), &joint_training(3, 3));
            let norm = NormPolicy::TRAIN.grouped(Grouping::PerDomain);
            unit.forward(images, &joint_training(3, 3).with_norm(norm));
        }
        let images = normal([2, 3, 8, 8], 9);
        for grouping in [Grouping::Shared, Grouping::PerDomain, Grouping::Mixed] {
            let context = evaluation(2).with_norm(NormPolicy::EVALUATE.grouped(grouping));
            let apart = unit.forward(images.clone(), &context);
            let folded = unit.valid().forward(images.clone().inner(), &context);
            close(&values(&folded), &values(&apart), 1e-5);
        }
    }
}
