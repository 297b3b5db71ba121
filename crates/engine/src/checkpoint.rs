//! Takes checkpoints of a running job, and takes them back.

use std::collections::BTreeMap;

use burn::tensor::{Device, TensorData};
use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::method::TrainingMethod;
use isthmus_core::model::Model;
use isthmus_core::network::NamedTensor;
use isthmus_core::updater::{Part, Updater};

use crate::error::EngineError;

const MODEL: &str = "model/";
const NETWORKS: &str = "networks/";
const STATE: &str = "state/";
const OPTIMIZER: &str = "optimizer/";

/// The start of a stage with the model that the stages before it left.
pub fn start_of(stage: usize, model: Vec<NamedTensor>) -> Checkpoint {
    Checkpoint { stage, step: 0, tensors: prefixed(MODEL, model) }
}

/// A stage after `step` steps.
pub(crate) fn take(
    stage: usize,
    step: usize,
    model: &mut Model,
    method: &mut dyn TrainingMethod,
    updater: &Updater,
) -> Checkpoint {
    let mut tensors = prefixed(MODEL, model_tensors(model));
    tensors.extend(prefixed(NETWORKS, part_tensors(method.networks())));
    tensors.extend(prefixed(STATE, method.state()));
    tensors.extend(prefixed(OPTIMIZER, updater.state()));
    Checkpoint { stage, step, tensors }
}

/// Takes the model back.
pub(crate) fn load_model(checkpoint: &Checkpoint, model: &mut Model) -> Result<(), EngineError> {
    load_parts(model.parts(), &group(checkpoint, MODEL))
}

/// Takes everything back; the method has begun.
pub(crate) fn load(
    checkpoint: &Checkpoint,
    label: &str,
    model: &mut Model,
    method: &mut dyn TrainingMethod,
    updater: &mut Updater,
    device: &Device,
) -> Result<(), EngineError> {
    load_model(checkpoint, model)?;
    load_parts(method.networks(), &group(checkpoint, NETWORKS))?;
    let state = group(checkpoint, STATE)
        .into_iter()
        .map(|(path, data)| NamedTensor { path, data })
        .collect();
    method
        .load_state(state)
        .map_err(|source| EngineError::Method { method: label.to_owned(), source })?;
    updater.load_state(&group(checkpoint, OPTIMIZER), device)?;
    Ok(())
}

fn group(checkpoint: &Checkpoint, prefix: &str) -> BTreeMap<String, TensorData> {
    let own = |tensor: &NamedTensor| {
        Some((tensor.path.strip_prefix(prefix)?.to_owned(), tensor.data.clone()))
    };
    checkpoint.tensors.iter().filter_map(own).collect()
}

/// The tensors of a model, part by part.
pub(crate) fn model_tensors(model: &mut Model) -> Vec<NamedTensor> {
    part_tensors(model.parts())
}

fn part_tensors(parts: Vec<Part<'_>>) -> Vec<NamedTensor> {
    parts
        .into_iter()
        .flat_map(|part| {
            part.network.tensors().into_iter().map(move |tensor| NamedTensor {
                path: format!("{}.{}", part.name, tensor.path),
                data: tensor.data,
            })
        })
        .collect()
}

fn load_parts(
    parts: Vec<Part<'_>>,
    tensors: &BTreeMap<String, TensorData>,
) -> Result<(), EngineError> {
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

fn prefixed(prefix: &str, tensors: Vec<NamedTensor>) -> Vec<NamedTensor> {
    tensors
        .into_iter()
        .map(|tensor| NamedTensor { path: format!("{prefix}{}", tensor.path), data: tensor.data })
        .collect()
}
