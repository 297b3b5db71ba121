//! What models are trained to predict on labelled rows.
//!
//! - [`Classes`] for one class a row,
//! - [`OpenSet`] for one class a row, or none of those of the source,
//! - [`Ctc`] for a sequence of symbols a row,
//! - [`MultiLabel`] for any number of classes a row,
//! - [`Regression`] for numbers.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod auroc;
mod average_precision;
mod class_predictions;
mod classes;
mod ctc;
mod multi_label;
mod open_set;
mod regression;

pub use classes::Classes;
pub use ctc::Ctc;
pub use multi_label::MultiLabel;
pub use open_set::OpenSet;
pub use regression::{Regression, RegressionLoss};
