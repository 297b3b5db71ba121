//! The networks of isthmus: extractors, bottlenecks, classifiers and discriminators as plugins, and
//! pretrained weights.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod bottlenecks;
pub mod classifiers;
pub mod discriminators;
pub mod extractors;
pub mod weights;

mod checks;
