//! Methods that adapt normalisation layers.
//!
//! - [`AdaBn`]: the target's own mean and variance in every normalisation layer.
//! - [`Autodial`]: statistics of both domains, mixed as each layer learns it.
//! - [`BatchStatistics`]: mean and variance of each batch that is predicted.
//! - [`Dsbn`]: statistics of each domain by itself.
//! - [`Suta`]: their scale and shift, learned for each utterance by itself.
//! - [`Tent`]: their scale and shift, learned while the target is predicted.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod ada_bn;
mod autodial;
mod batch_statistics;
mod dsbn;
mod statistics;
mod suta;
mod tent;

pub use ada_bn::{AdaBn, Pooling};
pub use autodial::Autodial;
pub use batch_statistics::BatchStatistics;
pub use dsbn::Dsbn;
pub use suta::Suta;
pub use tent::Tent;
