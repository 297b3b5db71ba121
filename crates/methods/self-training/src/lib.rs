//! Methods that train on their own predictions of the target.
//!
//! - [`Atdoc`]: neighbours in a memory label each other.
//! - [`Can`]: clusters of the target are classes, each brought together over the domains.
//! - [`Cbst`]: the most certain predictions of each class become labels, in rounds.
//! - [`FixMatch`]: confident predictions of a weak view are the labels of a strong one.
//! - [`MeanTeacher`]: the predictions of an average of earlier models are to be met.
//! - [`Nrc`]: neighbours in a memory predict alike, without the source.
//! - [`PseudoLabel`]: confident predictions become labels, in rounds.
//! - [`Shot`]: the classifier stays, features are fitted to the target alone.
//! - [`TriTraining`]: two heads label, a third learns.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod atdoc;
mod can;
mod cbst;
mod fix_match;
mod label_loss;
mod labels;
mod mean_teacher;
mod memory;
mod nrc;
mod pseudo_label;
mod round_labels;
mod rounds;
mod self_training;
mod shot;
mod tri_training;

pub use atdoc::Atdoc;
pub use can::Can;
pub use cbst::Cbst;
pub use fix_match::FixMatch;
pub use label_loss::LabelLoss;
pub use mean_teacher::MeanTeacher;
pub use nrc::Nrc;
pub use pseudo_label::PseudoLabel;
pub use shot::Shot;
pub use tri_training::TriTraining;
