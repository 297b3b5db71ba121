//! Discriminators: plugins that tell domains apart by their features.

mod linear;
mod mlp;

use burn::tensor::Tensor;
use isthmus_core::error::NetworkError;

pub use linear::{LinearDiscriminator, LinearDiscriminatorConfig};
pub use mlp::{MlpDiscriminator, MlpDiscriminatorConfig};

use isthmus_layers::Linear;

/// Number of logits: one for two domains (a softmax over one unit would be constant, so the logit
/// is left as it is), else one a domain.
fn outputs(domains: usize) -> Result<usize, NetworkError> {
    match domains {
        0 | 1 => Err(NetworkError::Input {
            network: "discriminator".to_owned(),
            expected: "at least two domains".to_owned(),
            found: domains.to_string(),
        }),
        2 => Ok(1),
        more => Ok(more),
    }
}

/// The gradient `[rows, input]` of the single output of a linear layer with respect to its input.
fn output_gradient(output: &Linear, rows: usize) -> Option<Tensor<2>> {
    let weight = output.weight.val().transpose();
    match weight.dims() {
        [1, size] => Some(weight.expand([rows, size])),
        _ => None,
    }
}
