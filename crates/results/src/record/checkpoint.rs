//! Checkpoints as safetensors files: tensors of any type, and what was measured so far.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use isthmus_core::checkpoint::Checkpoint;
use isthmus_core::named_tensor::NamedTensor;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::metrics::{self, MetricRow};
use crate::error::RecordError;

/// The key of the file's header under which the rest is.
const STATE: &str = "isthmus";

/// A checkpoint with what was measured before it.
#[derive(Clone, Debug)]
pub(super) struct Saved {
    pub(super) checkpoint: Checkpoint,
    pub(super) rows: Vec<MetricRow>,
    /// Seconds of training that it stands for.
    pub(super) seconds: f64,
}

#[derive(Serialize, Deserialize)]
struct State {
    stage: usize,
    step: usize,
    seconds: f64,
    /// As in `metrics.csv`, which keeps every bit.
    rows: String,
}

const TYPES: [(DType, Dtype); 8] = [
    (DType::F32, Dtype::F32),
    (DType::F64, Dtype::F64),
    (DType::F16, Dtype::F16),
    (DType::BF16, Dtype::BF16),
    (DType::I64, Dtype::I64),
    (DType::I32, Dtype::I32),
    (DType::U32, Dtype::U32),
    (DType::U8, Dtype::U8),
];

/// How far a checkpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Reached {
    /// Place of the stage, from 0.
    pub stage: usize,
    /// Steps done in this stage.
    pub step: usize,
    /// Seconds of training that were spent.
    pub seconds: f64,
}

/// How far the checkpoint in `file` is, by its header alone; `None` where it is not there or not
/// whole.
pub(super) fn reached(file: &Path) -> Option<Reached> {
    #[derive(Deserialize)]
    struct Header {
        #[serde(rename = "__metadata__")]
        metadata: HashMap<String, String>,
    }
    let mut file = File::open(file).ok()?;
    let size = file.metadata().ok()?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = u64::from_le_bytes(length);
    // A length that was made up must not be believed.
    if length > size {
        return None;
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).ok()?;
    let header: Header = serde_json::from_slice(&header).ok()?;
    serde_json::from_str(header.metadata.get(STATE)?).ok()
}

pub(super) fn encode(file: &Path, saved: &Saved) -> Result<Vec<u8>, RecordError> {
    let problem = |problem: String| RecordError::Model { file: file.to_owned(), problem };
    let views = saved
        .checkpoint
        .tensors
        .iter()
        .map(|NamedTensor { path, data }| {
            let (_, kind) = TYPES
                .into_iter()
                .find(|(own, _)| *own == data.dtype())
                .ok_or_else(|| problem(format!("tensor `{path}` is {:?}", data.dtype())))?;
            TensorView::new(kind, data.shape().to_vec(), data.as_bytes())
                .map(|view| (path.as_str(), view))
                .map_err(|error| problem(format!("tensor `{path}`: {error}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut rows = Vec::new();
    metrics::write(&saved.rows, &mut rows).map_err(|error| problem(error.to_string()))?;
    let state = State {
        stage: saved.checkpoint.stage,
        step: saved.checkpoint.step,
        seconds: saved.seconds,
        rows: String::from_utf8(rows).expect("metrics are text"),
    };
    let state = serde_json::to_string(&state).expect("a state is plain data");
    let header = HashMap::from([(STATE.to_owned(), state)]);
    safetensors::serialize(views, Some(header)).map_err(|error| problem(error.to_string()))
}

pub(super) fn decode(file: &Path, bytes: &[u8]) -> Result<Saved, RecordError> {
    let damaged = |error: String| RecordError::damaged(file, error);
    let (_, header) =
        SafeTensors::read_metadata(bytes).map_err(|error| damaged(error.to_string()))?;
    let state = header
        .metadata()
        .as_ref()
        .and_then(|fields| fields.get(STATE))
        .ok_or_else(|| damaged("it is not a checkpoint of isthmus".to_owned()))?;
    let state: State = serde_json::from_str(state).map_err(|error| damaged(error.to_string()))?;
    let rows = metrics::parse(file, &state.rows)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| damaged(error.to_string()))?;
    let tensors = tensors
        .iter()
        .map(|(path, view)| {
            let (kind, _) = TYPES
                .into_iter()
                .find(|(_, stored)| *stored == view.dtype())
                .ok_or_else(|| damaged(format!("tensor `{path}` is {:?}", view.dtype())))?;
            let shape = view.shape().to_vec();
            let data = TensorData::from_bytes_vec(view.data().to_vec(), shape, kind);
            Ok(NamedTensor { path: path.to_owned(), data })
        })
        .collect::<Result<Vec<_>, RecordError>>()?;
    let checkpoint = Checkpoint { stage: state.stage, step: state.step, tensors };
    Ok(Saved { checkpoint, rows, seconds: state.seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_comes_back() {
        let tensors = vec![
            NamedTensor {
                path: "model/a".into(),
                data: TensorData::new(vec![0.1f32, f32::NAN, -0.0], [3]),
            },
            NamedTensor { path: "state/b".into(), data: TensorData::new(vec![-1i64, 7], [2, 1]) },
        ];
        let row = MetricRow { stage: 1, step: 4, metric: "loss".into(), value: 0.1 + 0.2 };
        let saved = Saved {
            checkpoint: Checkpoint { stage: 1, step: 5, tensors },
            rows: vec![row.clone()],
            seconds: 1.5,
        };
        let file = Path::new("checkpoint.safetensors");
        let bytes = encode(file, &saved).unwrap();
        let read = decode(file, &bytes).unwrap();
        assert_eq!((read.checkpoint.stage, read.checkpoint.step, read.seconds), (1, 5, 1.5));
        assert_eq!(read.rows, [row]);
        for original in &saved.checkpoint.tensors {
            let found = read.checkpoint.tensors.iter().find(|it| it.path == original.path).unwrap();
            assert_eq!(found.data.as_bytes(), original.data.as_bytes());
            assert_eq!(found.data.dtype(), original.data.dtype());
            assert_eq!(found.data.shape(), original.data.shape());
        }
        let error = decode(file, &bytes[..bytes.len() - 1]).unwrap_err();
        assert!(matches!(error, RecordError::Damaged { .. }), "{error}");
    }
}
