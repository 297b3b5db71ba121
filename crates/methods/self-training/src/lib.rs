//! Methods that train on their own predictions of the target.
//!
//! - [`PseudoLabel`]: confident predictions become labels, in rounds.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod labels;
mod pseudo_label;

pub use pseudo_label::PseudoLabel;
