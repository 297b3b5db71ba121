//! What a recorded model takes and tells apart.

use isthmus_core::input::InputShape;
use serde::{Deserialize, Serialize};

/// What `task.json` holds: what a model of the record needs to predict other samples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskInfo {
    /// Names of the classes, in the order of the model's outputs.
    pub classes: Vec<String>,
    /// Shape of one sample as the model takes it: features, where the extractor is frozen.
    pub shape: InputShape,
    /// The file of pretrained weights that the extractor began with, and what the last model leaves
    /// out, since that file has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<FrozenInfo>,
    /// The run whose extractor's weights this one began with, where that was another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_from: Option<TakenInfo>,
}

/// Weights of an extractor that a run took from another one's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenInfo {
    /// The other run's experiment.
    pub experiment: String,
    /// Its id.
    pub run: String,
    /// Which of its models: `last`, or the validator that chose it.
    pub choice: String,
    /// SHA-256 of the extractor's tensors.
    pub sha256: String,
}

/// Tensors that are those of a file of pretrained weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenInfo {
    /// The file's hash.
    pub weights: String,
    /// Their names; none where training moved them all.
    pub tensors: Vec<String>,
}
