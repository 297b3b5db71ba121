//! A multi-layer perceptron as extractor.

use burn::module::Module;
use burn::tensor::Tensor;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::context::{Context, Grouping};
use isthmus_core::error::NetworkError;
use isthmus_core::export::below;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::inventory;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::network::independent_copy;
use isthmus_core::parts::{BuildContext, Encoded, Extractor};
use isthmus_core::registry::{About, ExtractorPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks;
use isthmus_layers::{Activation, Dense, DenseShape};

/// Hidden layers, each linear, batch normalisation, activation, dropout; the last one's values are
/// the features. Images and series are flattened. Methods see the layers as `extractor.0`,
/// `extractor.1` and so on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MlpConfig {
    /// Sizes of the layers; the last one is the number of features.
    #[schemars(length(min = 1))]
    pub hidden: Vec<usize>,
    /// Whether batch normalisation follows each linear map.
    pub batch_norm: bool,
    /// The activation after each layer.
    pub activation: Activation,
    /// Share of the values that is zeroed after each layer while training.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dropout: f64,
}

impl Default for MlpConfig {
    fn default() -> Self {
        let activation = Activation::Relu;
        Self { hidden: vec![256, 128], batch_norm: true, activation, dropout: 0.0 }
    }
}

impl PluginConfig for MlpConfig {
    fn check(&self) -> Result<(), FieldProblem> {
        if self.hidden.is_empty() {
            return Err(FieldProblem {
                field: "hidden".to_owned(),
                message: "`hidden` is empty, expected at least one size".to_owned(),
            });
        }
        checks::sizes("hidden", &self.hidden)?;
        checks::probability("dropout", self.dropout)
    }
}

impl ExtractorPlugin for MlpConfig {
    fn build(
        &self,
        shape: InputShape,
        context: &BuildContext,
    ) -> Result<Box<dyn Extractor>, NetworkError> {
        let input = checks::flat("mlp", shape)?;
        let &Self { batch_norm, activation, dropout, .. } = self;
        let layer = DenseShape { batch_norm, activation, dropout };
        let layers = Dense::stack(input, &self.hidden, layer, context);
        let output = self.hidden.last().copied().unwrap_or(input);
        Ok(Box::new(Mlp { layers, output }))
    }

    fn has_norm_layers(&self) -> Option<bool> {
        Some(self.batch_norm)
    }
}

/// The extractor `mlp`.
#[derive(Module, Debug)]
pub struct Mlp {
    layers: Vec<Dense>,
    #[module(skip)]
    output: usize,
}

impl Extractor for Mlp {
    fn forward(&mut self, input: Input, context: &Context) -> Tensor<2> {
        self.encode(input, context).pooled
    }

    fn encode(&mut self, input: Input, context: &Context) -> Encoded {
        let mut hidden = input.flatten();
        let mut layers = Vec::with_capacity(self.layers.len());
        for layer in &mut self.layers {
            hidden = layer.forward(hidden, context);
            layers.push(hidden.clone());
        }
        Encoded { layers, ..hidden.into() }
    }

    fn layers(&self) -> usize {
        self.layers.len()
    }

    fn output_size(&self) -> usize {
        self.output
    }

    fn evaluation_copy(&self) -> Box<dyn Extractor> {
        Box::new(self.valid())
    }

    fn pytorch(&self, grouping: Grouping) -> Option<Vec<NamedTensor>> {
        Some(below(Dense::pytorch_stack(&self.layers, grouping), "layers"))
    }

    fn training_copy(&self) -> Box<dyn Extractor> {
        Box::new(independent_copy(self))
    }
}

inventory::submit! {
    Plugin::extractor::<MlpConfig>(About {
        name: "mlp",
        summary: "A multi-layer perceptron on features, flattened images or series",
        paper: "",
    })
}
