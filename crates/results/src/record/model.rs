//! Checkpoints as safetensors files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use burn::tensor::{DType, TensorData};
use isthmus_core::named_tensor::NamedTensor;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::error::RecordError;

/// The bytes of a checkpoint; the same tensors give the same bytes in whatever order they come.
pub(super) fn encode(file: &Path, tensors: &[NamedTensor]) -> Result<Vec<u8>, RecordError> {
    encode_with(file, tensors, None)
}

/// The bytes of a safetensors file that is meant for PyTorch, which says so in its header.
///
/// # Errors
/// If two tensors have one name, or one is not of 32-bit floats.
pub fn encode_for_pytorch(file: &Path, tensors: &[NamedTensor]) -> Result<Vec<u8>, RecordError> {
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    encode_with(file, tensors, Some(format))
}

fn encode_with(
    file: &Path,
    tensors: &[NamedTensor],
    metadata: Option<HashMap<String, String>>,
) -> Result<Vec<u8>, RecordError> {
    let problem = |problem: String| RecordError::Model { file: file.to_owned(), problem };
    let mut seen = BTreeSet::new();
    let mut views = Vec::with_capacity(tensors.len());
    for NamedTensor { path, data } in tensors {
        if !seen.insert(path.as_str()) {
            return Err(problem(format!("two tensors are named `{path}`")));
        }
        if data.dtype() != DType::F32 {
            return Err(problem(format!(
                "tensor `{path}` is {:?}, records hold F32",
                data.dtype()
            )));
        }
        let view = TensorView::new(Dtype::F32, data.shape().to_vec(), data.as_bytes())
            .map_err(|error| problem(format!("tensor `{path}`: {error}")))?;
        views.push((path.as_str(), view));
    }
    safetensors::serialize(views, metadata).map_err(|error| problem(error.to_string()))
}

/// The tensors of a checkpoint by path.
pub(super) fn decode(
    file: &Path,
    bytes: &[u8],
) -> Result<BTreeMap<String, TensorData>, RecordError> {
    let tensors =
        SafeTensors::deserialize(bytes).map_err(|error| RecordError::damaged(file, error))?;
    tensors
        .iter()
        .map(|(path, view)| {
            if view.dtype() != Dtype::F32 {
                let reason = format!("tensor `{path}` is {:?}, records hold F32", view.dtype());
                return Err(RecordError::damaged(file, reason));
            }
            let shape = view.shape().to_vec();
            let data = TensorData::from_bytes_vec(view.data().to_vec(), shape, DType::F32);
            Ok((path.to_owned(), data))
        })
        .collect()
}
