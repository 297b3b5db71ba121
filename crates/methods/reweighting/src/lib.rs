//! Methods that weigh source samples by how likely they are in the target.
//!
//! - [`ImportanceWeighting`]: density ratios, estimated once before training.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod importance_weighting;

pub use importance_weighting::ImportanceWeighting;
