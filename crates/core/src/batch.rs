//! Batches. A target batch has no labels to reach: the type has no field for them.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::context::Segment;
use crate::input::Input;

/// Rows of the source with their labels.
#[derive(Clone, Debug)]
pub struct SourceBatch {
    /// The inputs.
    pub input: Input,
    /// Class of each row, on the host.
    pub labels: Vec<u32>,
    /// The source domains of the rows: one segment a domain.
    pub segments: Vec<Segment>,
    /// Position of each row in its domain's training set.
    pub indices: Vec<usize>,
}

impl SourceBatch {
    /// The labels as a tensor `[batch]`.
    pub fn label_tensor(&self, device: &Device) -> Tensor<1, Int> {
        label_tensor(&self.labels, device)
    }
}

/// Rows of the target, without labels.
#[derive(Clone, Debug)]
pub struct TargetBatch {
    /// The inputs.
    pub input: Input,
    /// Position of each row in its domain's training set, or in the set that a stream predicts.
    pub indices: Vec<usize>,
}

/// Class indices as a tensor `[batch]`.
pub fn label_tensor(labels: &[u32], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i64> = labels.iter().map(|&label| i64::from(label)).collect();
    let rows = values.len();
    Tensor::from_data(TensorData::new(values, [rows]), device)
}
