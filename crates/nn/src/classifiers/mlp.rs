//! Hidden layers and a linear one.

use burn::module::Module;
use burn::tensor::Tensor;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::context::{Context, Grouping};
use isthmus_core::error::NetworkError;
use isthmus_core::export::below;
use isthmus_core::inventory;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::network::independent_copy;
use isthmus_core::parts::{BuildContext, Classifier};
use isthmus_core::registry::{About, ClassifierPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks;
use isthmus_layers::{Activation, Dense, DenseShape, Linear};

/// Hidden layers, each linear, batch normalisation where wanted, activation, dropout; then a linear
/// layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MlpClassifierConfig {
    /// Sizes of the hidden layers.
    pub hidden: Vec<usize>,
    /// Whether batch normalisation follows each hidden linear map.
    pub batch_norm: bool,
    /// The activation of the hidden layers.
    pub activation: Activation,
    /// Share of the hidden values that is zeroed while training.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dropout: f64,
}

impl Default for MlpClassifierConfig {
    fn default() -> Self {
        let activation = Activation::Relu;
        Self { hidden: vec![1024], batch_norm: false, activation, dropout: 0.5 }
    }
}

impl PluginConfig for MlpClassifierConfig {
    fn check(&self) -> Result<(), FieldProblem> {
        checks::sizes("hidden", &self.hidden)?;
        checks::probability("dropout", self.dropout)
    }
}

impl ClassifierPlugin for MlpClassifierConfig {
    fn build(
        &self,
        features: usize,
        classes: usize,
        context: &BuildContext,
    ) -> Result<Box<dyn Classifier>, NetworkError> {
        let &Self { batch_norm, activation, dropout, .. } = self;
        let layer = DenseShape { batch_norm, activation, dropout };
        let hidden = Dense::stack(features, &self.hidden, layer, context);
        let last = self.hidden.last().copied().unwrap_or(features);
        let context = BuildContext { key: context.key.named("output"), ..context.clone() };
        let output = Linear::new(last, classes, &context);
        Ok(Box::new(MlpClassifier { hidden, output, classes }))
    }

    fn has_norm_layers(&self) -> Option<bool> {
        Some(self.batch_norm && !self.hidden.is_empty())
    }
}

/// The classifier `mlp`.
#[derive(Module, Debug)]
pub struct MlpClassifier {
    hidden: Vec<Dense>,
    output: Linear,
    #[module(skip)]
    classes: usize,
}

impl Classifier for MlpClassifier {
    fn forward(&mut self, features: Tensor<2>, context: &Context) -> Tensor<2> {
        let hidden =
            self.hidden.iter_mut().fold(features, |hidden, layer| layer.forward(hidden, context));
        self.output.forward(hidden)
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn evaluation_copy(&self) -> Box<dyn Classifier> {
        Box::new(self.valid())
    }

    fn pytorch(&self, grouping: Grouping) -> Option<Vec<NamedTensor>> {
        let mut tensors = below(Dense::pytorch_stack(&self.hidden, grouping), "hidden");
        tensors.extend(below(self.output.pytorch(), "output"));
        Some(tensors)
    }

    fn training_copy(&self) -> Box<dyn Classifier> {
        Box::new(independent_copy(self))
    }
}

inventory::submit! {
    Plugin::classifier::<MlpClassifierConfig>(About {
        name: "mlp",
        summary: "Hidden layers and a linear one, as MDD's and MCD's heads",
        paper: "",
    })
}
