//! Linear maps, convolutions, normalisation and pooling on the host, with their gradients.
//!
//! burn's own compute the same. These save passes over memory, and the convolution's gradient is
//! two matrix products an image instead of a convolution over the batch. On other devices than the
//! host, and for shapes that are not served here, every function hands over to burn's.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod batch_norm;
mod convolution;
mod depthwise;
mod geometry;
mod host;
mod linear;
mod matrix;
mod max_pool;
mod norm_passes;
mod patch_products;
mod patches;
mod planes;
#[cfg(test)]
mod testing;
mod vectors;
mod winograd;

pub use batch_norm::{Normalized, Rectifier, batch_norm};
pub use convolution::convolution;
pub use geometry::Geometry;
pub use linear::linear;
pub use max_pool::max_pool;
