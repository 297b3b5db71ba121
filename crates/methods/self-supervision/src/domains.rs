//! Whose samples a task is made from.

use std::ops::Range;

use isthmus_core::context::Segment;
use isthmus_core::error::MethodError;
use isthmus_core::input::Input;
use isthmus_core::step::Joint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose samples a task is made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Domains {
    /// The target's.
    #[default]
    Target,
    /// Those of all sources.
    Source,
    /// All.
    Both,
}

/// Rows of the joint batch.
pub(crate) struct Chosen {
    /// Their inputs.
    pub input: Input,
    /// Their domains, in order.
    pub segments: Vec<Segment>,
    /// Where they are in the joint batch.
    pub rows: Range<usize>,
}

impl Domains {
    /// The rows of these domains.
    ///
    /// # Errors
    /// If the batch has none; `method` is named.
    pub(crate) fn of(self, joint: &Joint, method: &str) -> Result<Chosen, MethodError> {
        let (source, target) = (joint.source_rows, joint.target_rows);
        let rows = match self {
            Self::Target => source..source + target,
            Self::Source => 0..source,
            Self::Both => 0..source + target,
        };
        if rows.is_empty() {
            return Err(MethodError::Unsuitable(format!(
                "`{method}` learns from rows of a domain that this batch has none of"
            )));
        }
        let sources = joint.source_segments();
        let segments = match self {
            Self::Both => joint.segments.clone(),
            Self::Source => sources,
            Self::Target => joint.segments[sources.len()..].to_vec(),
        };
        let input = joint.input.clone().narrow(rows.start, rows.len());
        Ok(Chosen { input, segments, rows })
    }
}
