//! A hidden layer: linear, normalisation, activation, dropout.

use burn::module::Module;
use burn::tensor::Tensor;
use isthmus_core::context::{Context, Grouping};
use isthmus_core::export::below;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::parts::BuildContext;

use crate::{Activation, DomainBatchNorm, Dropout, Linear};

/// What a [`Dense`] layer consists of besides its linear map.
#[derive(Clone, Copy, Debug)]
pub struct DenseShape {
    /// Whether batch normalisation follows the linear map.
    pub batch_norm: bool,
    /// The activation.
    pub activation: Activation,
    /// Probability of dropout at the end, in [0, 1).
    pub dropout: f64,
}

/// Linear, batch normalisation where wanted, activation, dropout.
#[derive(Module, Debug)]
pub struct Dense {
    /// The linear map.
    pub linear: Linear,
    /// The normalisation.
    pub norm: Option<DomainBatchNorm>,
    dropout: Dropout,
    #[module(skip)]
    activation: Activation,
}

impl Dense {
    /// A layer around a linear map with `output` outputs.
    pub fn new(linear: Linear, output: usize, shape: DenseShape, context: &BuildContext) -> Self {
        Self {
            linear,
            norm: shape.batch_norm.then(|| DomainBatchNorm::new(output, context)),
            dropout: Dropout::new(shape.dropout),
            activation: shape.activation,
        }
    }

    /// Layers of the given sizes, one after the other.
    pub fn stack(
        input: usize,
        sizes: &[usize],
        shape: DenseShape,
        context: &BuildContext,
    ) -> Vec<Self> {
        let inputs = std::iter::once(&input).chain(sizes);
        let layers = inputs.zip(sizes).enumerate().map(|(index, (&input, &output))| {
            let context = BuildContext { key: context.key.at(index as u64), ..context.clone() };
            let linear = Linear::new(input, output, &context);
            Self::new(linear, output, shape, &context)
        });
        layers.collect()
    }

    /// As PyTorch has it: `linear`, and `norm` where there is one.
    pub fn pytorch(&self, grouping: Grouping) -> Vec<NamedTensor> {
        let mut tensors = below(self.linear.pytorch(), "linear");
        if let Some(norm) = &self.norm {
            tensors.extend(below(norm.pytorch(grouping), "norm"));
        }
        tensors
    }

    /// Layers one after the other as PyTorch has them: `0.linear`, `0.norm`, `1.linear` and on.
    pub fn pytorch_stack(layers: &[Self], grouping: Grouping) -> Vec<NamedTensor> {
        let of_layer =
            |(index, layer): (usize, &Self)| below(layer.pytorch(grouping), &index.to_string());
        layers.iter().enumerate().flat_map(of_layer).collect()
    }

    /// `[batch, input]` to `[batch, output]`.
    pub fn forward(&mut self, input: Tensor<2>, context: &Context) -> Tensor<2> {
        let mut hidden = self.linear.forward(input);
        if let Some(norm) = &mut self.norm {
            hidden = norm.forward(hidden, context);
        }
        self.dropout.forward(self.activation.forward(hidden), context)
    }

    /// The same, and the derivative of each output with respect to what the linear map gives for it
    /// `[batch, output]`; `None` where a norm layer makes rows depend on each other.
    pub fn forward_with_slope(
        &mut self,
        input: Tensor<2>,
        context: &Context,
    ) -> Option<(Tensor<2>, Tensor<2>)> {
        if self.norm.is_some() {
            return None;
        }
        let hidden = self.linear.forward(input);
        let output = self.activation.forward(hidden.clone());
        let mask = self.dropout.forward(Tensor::ones_like(&output.clone().detach()), context);
        Some((output * mask.clone(), self.activation.slope(hidden) * mask))
    }
}
