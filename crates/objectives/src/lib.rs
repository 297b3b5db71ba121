//! What models are trained to predict on labelled rows.
//!
//! - [`Classes`]: one class a row.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod classes;

pub use classes::Classes;
