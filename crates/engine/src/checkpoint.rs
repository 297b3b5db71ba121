//! Takes checkpoints of a running job, and takes them back.

use std::collections::BTreeMap;

use burn::tensor::{Device, TensorData};
use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::model::Model;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::updater::{Part, Updater, load_parts, part_tensors};

use crate::error::EngineError;

const MODEL: &str = "model/";
const NETWORKS: &str = "networks/";
const STATE: &str = "state/";
const OPTIMIZER: &str = "optimizer/";

/// The start of a stage with the model that the stages before it left.
pub fn start_of(stage: usize, model: Vec<NamedTensor>) -> Checkpoint {
    Checkpoint { stage, step: 0, tensors: prefixed(MODEL, model) }
}

/// What a method keeps between steps.
pub(crate) struct Kept<'a> {
    pub(crate) networks: Vec<Part<'a>>,
    pub(crate) state: Vec<NamedTensor>,
}

/// A stage after `step` steps.
pub(crate) fn take(
    stage: usize,
    step: usize,
    model: &mut Model,
    method: Kept<'_>,
    updater: &Updater,
) -> Checkpoint {
    let mut tensors = prefixed(MODEL, model.recorded_tensors());
    tensors.extend(prefixed(NETWORKS, part_tensors(method.networks)));
    tensors.extend(prefixed(STATE, method.state));
    tensors.extend(prefixed(OPTIMIZER, updater.state()));
    Checkpoint { stage, step, tensors }
}

/// Takes the model back.
pub(crate) fn load_model(checkpoint: &Checkpoint, model: &mut Model) -> Result<(), EngineError> {
    Ok(model.load_tensors(&group(checkpoint, MODEL))?)
}

/// Takes the networks of the method back, which has begun, and the optimizer's state; returns the
/// method's state.
pub(crate) fn load(
    checkpoint: &Checkpoint,
    networks: Vec<Part<'_>>,
    updater: &mut Updater,
    device: &Device,
) -> Result<Vec<NamedTensor>, EngineError> {
    load_parts(networks, &group(checkpoint, NETWORKS))?;
    updater.load_state(&group(checkpoint, OPTIMIZER), device)?;
    let state = group(checkpoint, STATE).into_iter();
    Ok(state.map(|(path, data)| NamedTensor { path, data }).collect())
}

/// The state of the method and of the stage, by name.
pub(crate) fn state(checkpoint: &Checkpoint) -> BTreeMap<String, TensorData> {
    group(checkpoint, STATE)
}

fn group(checkpoint: &Checkpoint, prefix: &str) -> BTreeMap<String, TensorData> {
    let own = |tensor: &NamedTensor| {
        Some((tensor.path.strip_prefix(prefix)?.to_owned(), tensor.data.clone()))
    };
    checkpoint.tensors.iter().filter_map(own).collect()
}

fn prefixed(prefix: &str, tensors: Vec<NamedTensor>) -> Vec<NamedTensor> {
    tensors
        .into_iter()
        .map(|tensor| NamedTensor { path: format!("{prefix}{}", tensor.path), data: tensor.data })
        .collect()
}
