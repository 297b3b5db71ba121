//! Networks by name and role, as updates and checkpoints see them.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::NetworkError;
use crate::named_tensor::NamedTensor;
use crate::network::Network;

/// What a network is in an experiment; decides its learning-rate factor and its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The extractor (backbone).
    Extractor,
    /// The bottleneck.
    Bottleneck,
    /// A classifier.
    Classifier,
    /// A domain classifier or critic.
    Discriminator,
    /// Any other network that a method owns.
    Auxiliary,
}

/// A network with the name its parameters are recorded under.
pub struct Part<'a> {
    /// Unique name, the first component of the parameters' slots.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// The network.
    pub network: &'a mut (dyn Network + 'static),
}

impl<'a> Part<'a> {
    /// The part `name`.
    pub fn new(
        name: impl Into<String>,
        role: Role,
        network: &'a mut (dyn Network + 'static),
    ) -> Self {
        Self { name: name.into(), role, network }
    }

    /// The same part as a part of `owner`.
    pub fn below(self, owner: &str) -> Self {
        Self { name: format!("{owner}.{}", self.name), ..self }
    }
}

/// All tensors of `parts`, by part and path.
pub fn part_tensors(parts: Vec<Part<'_>>) -> Vec<NamedTensor> {
    let of_part = |part: Part<'_>| {
        let tensors = part.network.tensors().into_iter();
        tensors.map(|tensor| tensor.below(&part.name)).collect::<Vec<_>>()
    };
    parts.into_iter().flat_map(of_part).collect()
}

/// Gives `parts` the tensors that [`part_tensors`] returned.
///
/// # Errors
/// If one is missing or has another shape.
pub fn load_parts(
    parts: Vec<Part<'_>>,
    tensors: &BTreeMap<String, TensorData>,
) -> Result<(), NetworkError> {
    for part in parts {
        let prefix = format!("{}.", part.name);
        let own = tensors
            .iter()
            .filter_map(|(path, data)| Some((path.strip_prefix(&prefix)?.to_owned(), data.clone())))
            .collect();
        part.network.load_tensors(&own)?;
    }
    Ok(())
}
