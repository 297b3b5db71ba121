//! What tests of adaptation methods need: small problems, small models, drivers.
//!
//! - [`TwoDomains`]: source and target with a shift between them, as a method's data.
//! - [`Workbench`]: a model, an optimizer and such data; runs training methods and terms.
//! - [`Joint`]: one batch whose features and logits are free, for a term by itself.
//! - [`term`], [`training`] and [`test_time`]: methods by name and configuration, as experiment files have them.
//!
//! Only tests depend on this crate. Its functions panic where something is wrong.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod build;
mod descent;
mod joint;
mod problem;
mod workbench;

pub use build::{config_error, context, plugin, term, test_time, training};
pub use descent::{ConstantRate, GradientDescent};
pub use joint::Joint;
pub use problem::TwoDomains;
pub use workbench::{ModelSpec, Workbench};
