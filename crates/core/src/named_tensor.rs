//! Tensors by name, as records and checkpoints hold them.

use burn::tensor::{Tensor, TensorData};

/// One tensor of a network's state.
#[derive(Clone, Debug)]
pub struct NamedTensor {
    /// Where it lives in the network, e.g. `layers.0.weight`.
    pub path: String,
    /// Its values, row-major: `f32` of networks; states of methods may be of other types.
    pub data: TensorData,
}

impl NamedTensor {
    /// The values of a tensor under a name.
    pub fn of<const D: usize>(path: &str, tensor: &Tensor<D>) -> Self {
        Self { path: path.to_owned(), data: tensor.to_data() }
    }

    /// The same tensor as one of `owner`.
    pub fn below(self, owner: &str) -> Self {
        Self { path: format!("{owner}.{}", self.path), ..self }
    }
}
