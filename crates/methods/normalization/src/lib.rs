//! Methods that adapt normalisation statistics.
//!
//! - [`AdaBn`]: the target's own mean and variance in every normalisation layer.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod ada_bn;
mod statistics;

pub use ada_bn::{AdaBn, Pooling};
