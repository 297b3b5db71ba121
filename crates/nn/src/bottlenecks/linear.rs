//! The usual bottleneck: linear, batch normalisation, ReLU.

use burn::module::Module;
use burn::tensor::Tensor;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::context::{Context, Grouping};
use isthmus_core::error::NetworkError;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::inventory;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::network::independent_copy;
use isthmus_core::parts::{BuildContext, Extractor};
use isthmus_core::registry::{About, ExtractorPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks;
use isthmus_layers::{Activation, Dense, DenseShape, Linear};

/// Linear, batch normalisation, ReLU, dropout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinearBottleneckConfig {
    /// Number of features that come out.
    #[schemars(range(min = 1))]
    pub size: usize,
    /// Whether batch normalisation follows the linear map.
    pub batch_norm: bool,
    /// The activation.
    pub activation: Activation,
    /// Share of the features that is zeroed while training.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dropout: f64,
    /// Standard deviation of the normal initial weights (MDD has 0.005). Absent: PyTorch's
    /// default, uniform within 1 / sqrt(inputs).
    #[schemars(range(min = 0.0))]
    pub weight_std: Option<f64>,
    /// Initial value of the bias (MDD has 0.1). Absent: PyTorch's default, as for the weights.
    pub bias: Option<f64>,
}

impl Default for LinearBottleneckConfig {
    fn default() -> Self {
        Self {
            size: 256,
            batch_norm: true,
            activation: Activation::Relu,
            dropout: 0.0,
            weight_std: None,
            bias: None,
        }
    }
}

impl PluginConfig for LinearBottleneckConfig {
    fn check(&self) -> Result<(), FieldProblem> {
        checks::sizes("size", &[self.size])?;
        checks::probability("dropout", self.dropout)?;
        checks::deviation("weight_std", self.weight_std)
    }
}

impl ExtractorPlugin for LinearBottleneckConfig {
    fn build(
        &self,
        shape: InputShape,
        context: &BuildContext,
    ) -> Result<Box<dyn Extractor>, NetworkError> {
        let input = checks::not_empty("linear", shape)?;
        let &Self { size, batch_norm, activation, dropout, weight_std, bias } = self;
        let linear = Linear::configured(input, size, weight_std, bias, context);
        let layer = DenseShape { batch_norm, activation, dropout };
        Ok(Box::new(LinearBottleneck { layer: Dense::new(linear, size, layer, context), size }))
    }

    fn has_norm_layers(&self) -> Option<bool> {
        Some(self.batch_norm)
    }
}

/// The bottleneck `linear`.
#[derive(Module, Debug)]
pub struct LinearBottleneck {
    layer: Dense,
    #[module(skip)]
    size: usize,
}

impl Extractor for LinearBottleneck {
    fn forward(&mut self, input: Input, context: &Context) -> Tensor<2> {
        self.layer.forward(input.flatten(), context)
    }

    fn output_size(&self) -> usize {
        self.size
    }

    fn evaluation_copy(&self) -> Box<dyn Extractor> {
        Box::new(self.valid())
    }

    fn pytorch(&self, grouping: Grouping) -> Option<Vec<NamedTensor>> {
        Some(self.layer.pytorch(grouping))
    }

    fn training_copy(&self) -> Box<dyn Extractor> {
        Box::new(independent_copy(self))
    }
}

inventory::submit! {
    Plugin::bottleneck::<LinearBottleneckConfig>(About {
        name: "linear",
        summary: "Linear, batch normalisation, ReLU, dropout: 256 features",
        paper: "",
    })
}
