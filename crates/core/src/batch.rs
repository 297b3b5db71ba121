//! Batches. A target batch has no labels to reach: the type has no field for them.

use crate::context::Segment;
use crate::input::Input;
use crate::targets::Targets;

/// Rows of the source with their labels.
#[derive(Clone, Debug)]
pub struct SourceBatch {
    /// The inputs.
    pub input: Input,
    /// What each row is to be predicted as, on the host.
    pub targets: Targets,
    /// The source domains of the rows: one segment a domain.
    pub segments: Vec<Segment>,
    /// Position of each row among the training rows of all sources, one source after the other.
    pub indices: Vec<usize>,
}

/// Rows of the target, without labels.
#[derive(Clone, Debug)]
pub struct TargetBatch {
    /// The inputs.
    pub input: Input,
    /// Position of each row in its domain's training set, or in the set that a stream predicts.
    pub indices: Vec<usize>,
}
