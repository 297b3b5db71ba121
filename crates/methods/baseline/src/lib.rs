//! Training without adaptation: the two ends between which adaptation methods lie.
//!
//! - [`SourceOnly`]: what a model does on the target when it never saw it.
//! - [`TargetOnly`]: what it does when it is trained on the target's labels.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod source_only;
mod supervised;
mod target_only;

pub use source_only::SourceOnly;
pub use target_only::TargetOnly;
