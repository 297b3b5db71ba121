//! The networks of isthmus: extractors, bottlenecks, classifiers and discriminators as plugins,
//! the layers they are built from, and pretrained weights.
//!
//! Layers read nothing from hidden flags: every forward pass is told by its
//! [`Context`](isthmus_core::context::Context) whether it trains, whose rows it sees and how to
//! normalise. Initial weights come from a [`Key`](isthmus_core::random::Key) alone.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod bottlenecks;
pub mod classifiers;
pub mod discriminators;
pub mod extractors;
pub mod layers;
pub mod weights;

mod checks;
#[cfg(test)]
mod testing;

pub use layers::reset_population;
