//! Activations, as a field of configurations.

use burn::tensor::{Tensor, activation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is applied to each value after a hidden layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `max(x, 0)`.
    #[default]
    Relu,
    /// `x` above 0, `0.01 x` below.
    LeakyRelu,
    /// The hyperbolic tangent.
    Tanh,
    /// The Gaussian error linear unit, exact.
    Gelu,
}

impl Activation {
    /// Applies the activation, element by element.
    pub fn forward<const D: usize>(self, input: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Relu => activation::relu(input),
            Self::LeakyRelu => activation::leaky_relu(input, 0.01),
            Self::Tanh => activation::tanh(input),
            Self::Gelu => activation::gelu(input),
        }
    }
}
