//! Trackers: what runs measure, for other programs, one file each.
//!
//! - [`TensorBoard`]: event files
//! - [`MlFlow`]: the store of files that `mlflow ui` reads
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod mlflow;
mod tensorboard;
#[cfg(test)]
mod testing;

pub use mlflow::MlFlow;
pub use tensorboard::TensorBoard;
