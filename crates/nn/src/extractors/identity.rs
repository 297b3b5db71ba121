//! The inputs themselves as features.

use burn::module::Module;
use burn::tensor::Tensor;
use isthmus_core::config::PluginConfig;
use isthmus_core::context::{Context, Grouping};
use isthmus_core::error::NetworkError;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::inventory;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::parts::{BuildContext, Extractor};
use isthmus_core::registry::{About, ExtractorPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks;

/// Passes features through; images and series are flattened. There is nothing to train.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {}

impl PluginConfig for IdentityConfig {}

impl ExtractorPlugin for IdentityConfig {
    fn build(
        &self,
        shape: InputShape,
        _context: &BuildContext,
    ) -> Result<Box<dyn Extractor>, NetworkError> {
        let size = checks::flat("identity", shape)?;
        Ok(Box::new(Identity { size }))
    }

    fn has_norm_layers(&self) -> Option<bool> {
        Some(false)
    }
}

/// The extractor `identity`.
#[derive(Module, Debug)]
pub struct Identity {
    #[module(skip)]
    size: usize,
}

impl Extractor for Identity {
    fn forward(&mut self, input: Input, _context: &Context) -> Tensor<2> {
        input.flatten()
    }

    fn output_size(&self) -> usize {
        self.size
    }

    fn evaluation_copy(&self) -> Box<dyn Extractor> {
        Box::new(self.clone())
    }

    fn pytorch(&self, _grouping: Grouping) -> Option<Vec<NamedTensor>> {
        Some(Vec::new())
    }

    fn training_copy(&self) -> Box<dyn Extractor> {
        Box::new(self.clone())
    }
}

inventory::submit! {
    Plugin::extractor::<IdentityConfig>(About {
        name: "identity",
        summary: "The inputs themselves as features; images and series are flattened",
        paper: "",
    })
}
