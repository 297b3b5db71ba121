//! One linear layer.

use burn::module::Module;
use burn::tensor::Tensor;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::context::{Context, Grouping};
use isthmus_core::error::NetworkError;
use isthmus_core::inventory;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::network::independent_copy;
use isthmus_core::parts::{BuildContext, Classifier};
use isthmus_core::registry::{About, ClassifierPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks;
use isthmus_layers::Linear;

/// One linear layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinearClassifierConfig {
    /// Standard deviation of the normal initial weights. Absent: PyTorch's default, uniform within
    /// 1 / sqrt(features).
    #[schemars(range(min = 0.0))]
    pub weight_std: Option<f64>,
    /// Initial value of the bias. Absent: PyTorch's default, as for the weights.
    pub bias: Option<f64>,
}

impl PluginConfig for LinearClassifierConfig {
    fn check(&self) -> Result<(), FieldProblem> {
        checks::deviation("weight_std", self.weight_std)
    }
}

impl ClassifierPlugin for LinearClassifierConfig {
    fn build(
        &self,
        features: usize,
        classes: usize,
        context: &BuildContext,
    ) -> Result<Box<dyn Classifier>, NetworkError> {
        let linear = Linear::configured(features, classes, self.weight_std, self.bias, context);
        Ok(Box::new(LinearClassifier { linear, classes }))
    }

    fn has_norm_layers(&self) -> Option<bool> {
        Some(false)
    }
}

/// The classifier `linear`.
#[derive(Module, Debug)]
pub struct LinearClassifier {
    linear: Linear,
    #[module(skip)]
    classes: usize,
}

impl Classifier for LinearClassifier {
    fn forward(&mut self, features: Tensor<2>, _context: &Context) -> Tensor<2> {
        self.linear.forward(features)
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn evaluation_copy(&self) -> Box<dyn Classifier> {
        Box::new(self.valid())
    }

    fn pytorch(&self, _grouping: Grouping) -> Option<Vec<NamedTensor>> {
        Some(self.linear.pytorch())
    }

    fn training_copy(&self) -> Box<dyn Classifier> {
        Box::new(independent_copy(self))
    }
}

inventory::submit! {
    Plugin::classifier::<LinearClassifierConfig>(About {
        name: "linear",
        summary: "One linear layer",
        paper: "",
    })
}
