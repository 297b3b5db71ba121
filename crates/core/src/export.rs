//! Networks as PyTorch has them: names, layouts, and what cannot be given away.

use thiserror::Error;

use crate::named_tensor::NamedTensor;

/// Why something that predicts is not exported.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct NotExported(pub String);

impl NotExported {
    /// A part of the model (`extractor`, say) has no names in PyTorch.
    pub fn part(part: &str) -> Self {
        Self(format!("its {part} does not say how PyTorch names its tensors"))
    }
}

/// A network that predicts, as PyTorch has it.
#[derive(Clone, Debug)]
pub struct ExportedModel {
    /// Its tensors by PyTorch's names, in PyTorch's layouts: weights of linear maps
    /// `[output, input]`, of convolutions `[output, input, ...]`.
    pub tensors: Vec<NamedTensor>,
    /// Names of the classifiers. Outputs are the mean of theirs.
    pub classifiers: Vec<String>,
}

/// The same tensors as those of `owner`.
pub fn below(tensors: Vec<NamedTensor>, owner: &str) -> Vec<NamedTensor> {
    tensors.into_iter().map(|tensor| tensor.below(owner)).collect()
}
