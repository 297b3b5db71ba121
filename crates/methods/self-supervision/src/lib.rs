//! Methods that learn from samples without labels, by tasks that are made from the samples
//! themselves. Each is a term, and adds up with any other.
//!
//! - [`Reconstruction`]: samples are to be restored from their features.
//! - [`Rotation`]: by how much an image was turned is to be seen.
//! - [`SimClr`]: two views of a sample are to be told from those of others.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod domains;
mod head;
mod reconstruction;
mod rotation;
mod sim_clr;

pub use domains::Domains;
pub use reconstruction::Reconstruction;
pub use rotation::Rotation;
pub use sim_clr::SimClr;
