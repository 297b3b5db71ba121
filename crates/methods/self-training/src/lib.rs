//! Methods that train on their own predictions of the target.
//!
//! - [`Atdoc`]: neighbours in a memory label each other.
//! - [`Can`]: clusters of the target are classes, each brought together over the domains.
//! - [`FixMatch`]: confident predictions of a weak view are the labels of a strong one.
//! - [`MeanTeacher`]: the predictions of an average of earlier models are to be met.
//! - [`PseudoLabel`]: confident predictions become labels, in rounds.
//! - [`Shot`]: the classifier stays, features are fitted to the target alone.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod atdoc;
mod can;
mod fix_match;
mod labels;
mod mean_teacher;
mod pseudo_label;
mod rounds;
mod shot;

pub use atdoc::Atdoc;
pub use can::Can;
pub use fix_match::FixMatch;
pub use mean_teacher::MeanTeacher;
pub use pseudo_label::PseudoLabel;
pub use shot::Shot;
