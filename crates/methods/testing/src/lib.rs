//! What tests of adaptation methods need: small problems, small models, drivers.
//!
//! - [`TwoDomains`]: source and target with a shift between them, as a method's data.
//! - [`Workbench`]: a model, an optimizer and such data; runs drivers and terms.
//! - [`Joint`]: one batch whose features and logits are free, for a term by itself.
//! - [`assert_term_gains`], [`assert_driver_gains`]: whether a method helps on a target that is moved.
//! - [`SMALL_SOURCE`], [`SMALL_TARGET`]: few rows, on which other packages' results are known.
//! - [`term`], [`driver`], [`fit`] and [`test_time`]: methods by name and configuration, checked as
//!   those of experiment files are.
//!
//! Only tests depend on this crate. Its functions panic where something is wrong.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod build;
mod descent;
mod gain;
mod joint;
mod problem;
mod small;
mod workbench;

pub use build::{config_error, context, driver, fit, objective, plugin, term, test_time};
pub use descent::{ConstantRate, GradientDescent};
pub use gain::{FAR, assert_driver_gains, assert_term_gains, moved};
pub use joint::Joint;
pub use problem::TwoDomains;
pub use small::{SMALL_LABELS, SMALL_SOURCE, SMALL_TARGET};
pub use workbench::{ModelSpec, Workbench};
