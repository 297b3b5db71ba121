//! One linear layer.

use burn::module::Module;
use burn::tensor::Tensor;
use isthmus_core::config::PluginConfig;
use isthmus_core::context::Context;
use isthmus_core::error::NetworkError;
use isthmus_core::inventory;
use isthmus_core::parts::{BuildContext, Discriminator};
use isthmus_core::registry::{About, DiscriminatorPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use isthmus_layers::Linear;

/// One linear layer: one logit for two domains, else one a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinearDiscriminatorConfig {}

impl PluginConfig for LinearDiscriminatorConfig {}

impl DiscriminatorPlugin for LinearDiscriminatorConfig {
    fn build(
        &self,
        features: usize,
        domains: usize,
        context: &BuildContext,
    ) -> Result<Box<dyn Discriminator>, NetworkError> {
        let linear = Linear::new(features, super::outputs(domains)?, context);
        Ok(Box::new(LinearDiscriminator { linear }))
    }
}

/// The discriminator `linear`.
#[derive(Module, Debug)]
pub struct LinearDiscriminator {
    linear: Linear,
}

impl Discriminator for LinearDiscriminator {
    fn forward(&mut self, features: Tensor<2>, _context: &Context) -> Tensor<2> {
        self.linear.forward(features)
    }

    fn with_input_gradient(
        &mut self,
        features: Tensor<2>,
        _context: &Context,
    ) -> Option<(Tensor<2>, Tensor<2>)> {
        let [rows, _] = features.dims();
        let gradient = super::output_gradient(&self.linear, rows)?;
        Some((self.linear.forward(features), gradient))
    }
}

inventory::submit! {
    Plugin::discriminator::<LinearDiscriminatorConfig>(About {
        name: "linear",
        summary: "One linear layer",
        paper: "",
    })
}
