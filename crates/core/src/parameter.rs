//! Parameters, as update rules see them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One parameter of a network, as update rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Parameter<'a> {
    /// Where it lives in the network, e.g. `layers.0.weight`.
    pub path: &'a str,
    /// Whether it belongs to a normalisation layer: a module whose type's name ends in `Norm`.
    pub in_norm: bool,
}

/// Parameters by what they are in their layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ParameterSet {
    /// All of them.
    #[default]
    All,
    /// Scale, shift and mixing weights of normalisation layers.
    Norms,
    /// Biases of other layers.
    Biases,
    /// Everything else.
    Weights,
}

impl ParameterSet {
    /// Whether a parameter is one of them.
    pub fn includes(self, parameter: &Parameter<'_>) -> bool {
        let bias = parameter.path == "bias" || parameter.path.ends_with(".bias");
        match self {
            Self::All => true,
            Self::Norms => parameter.in_norm,
            Self::Biases => bias && !parameter.in_norm,
            Self::Weights => !bias && !parameter.in_norm,
        }
    }
}
