//! Methods that adapt normalisation layers.
//!
//! - [`AdaBn`]: the target's own mean and variance in every normalisation layer.
//! - [`BatchStatistics`]: mean and variance of each batch that is predicted.
//! - [`Tent`]: their scale and shift, learned while the target is predicted.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod ada_bn;
mod batch_statistics;
mod statistics;
mod tent;

pub use ada_bn::{AdaBn, Pooling};
pub use batch_statistics::BatchStatistics;
pub use tent::Tent;
