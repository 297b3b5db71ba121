//! Methods that train on their own predictions of the target.
//!
//! - [`FixMatch`]: confident predictions of a weak view are the labels of a strong one.
//! - [`PseudoLabel`]: confident predictions become labels, in rounds.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod fix_match;
mod labels;
mod pseudo_label;

pub use fix_match::FixMatch;
pub use pseudo_label::PseudoLabel;
