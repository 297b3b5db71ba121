//! The domain classifier of DANN.

use burn::module::Module;
use burn::tensor::Tensor;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::context::Context;
use isthmus_core::error::NetworkError;
use isthmus_core::inventory;
use isthmus_core::parts::{BuildContext, Discriminator};
use isthmus_core::registry::{About, DiscriminatorPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks;
use isthmus_layers::{Activation, Dense, DenseShape, Linear};

/// Hidden layers, each linear, batch normalisation and ReLU, or linear, ReLU and dropout; then one
/// logit for two domains, else one a domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MlpDiscriminatorConfig {
    /// Sizes of the hidden layers.
    pub hidden: Vec<usize>,
    /// Whether batch normalisation follows each hidden linear map; dropout follows the activation
    /// otherwise.
    pub batch_norm: bool,
    /// The activation of the hidden layers.
    pub activation: Activation,
    /// Share of the hidden values that is zeroed while training, where there is no batch
    /// normalisation.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dropout: f64,
}

impl Default for MlpDiscriminatorConfig {
    fn default() -> Self {
        let activation = Activation::Relu;
        Self { hidden: vec![1024, 1024], batch_norm: true, activation, dropout: 0.5 }
    }
}

impl PluginConfig for MlpDiscriminatorConfig {
    fn check(&self) -> Result<(), FieldProblem> {
        checks::sizes("hidden", &self.hidden)?;
        checks::probability("dropout", self.dropout)
    }
}

impl DiscriminatorPlugin for MlpDiscriminatorConfig {
    fn build(
        &self,
        features: usize,
        domains: usize,
        context: &BuildContext,
    ) -> Result<Box<dyn Discriminator>, NetworkError> {
        let outputs = super::outputs(domains)?;
        let &Self { batch_norm, activation, .. } = self;
        let dropout = if batch_norm { 0.0 } else { self.dropout };
        let layer = DenseShape { batch_norm, activation, dropout };
        let hidden = Dense::stack(features, &self.hidden, layer, context);
        let last = self.hidden.last().copied().unwrap_or(features);
        let context = BuildContext { key: context.key.named("output"), ..context.clone() };
        let output = Linear::new(last, outputs, &context);
        Ok(Box::new(MlpDiscriminator { hidden, output }))
    }
}

/// The discriminator `mlp`.
#[derive(Module, Debug)]
pub struct MlpDiscriminator {
    hidden: Vec<Dense>,
    output: Linear,
}

impl Discriminator for MlpDiscriminator {
    fn forward(&mut self, features: Tensor<2>, context: &Context) -> Tensor<2> {
        let hidden =
            self.hidden.iter_mut().fold(features, |hidden, layer| layer.forward(hidden, context));
        self.output.forward(hidden)
    }
}

inventory::submit! {
    Plugin::discriminator::<MlpDiscriminatorConfig>(About {
        name: "mlp",
        summary: "Hidden layers of 1024 with batch normalisation: the domain classifier of DANN",
        paper: "Ganin et al., Domain-adversarial training of neural networks, JMLR 2016; layers \
                as in tllib",
    })
}
