//! Optimizers: one fused pass over memory a parameter on the host, tensor operations elsewhere.

mod adam;
mod buffers;
mod sgd;

pub use adam::{Adam, AdamConfig, AdamWConfig};
pub use sgd::{Sgd, SgdConfig};
