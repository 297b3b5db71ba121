//! Objectives that need predictions on target rows only.

mod bnm;
mod entropy;
mod information_maximization;
mod mcc;
mod pseudo_label;

pub use bnm::bnm;
pub use entropy::{entropy, entropy_per_sample, entropy_with_epsilon};
pub use information_maximization::{
    information_maximization, information_maximization_with_epsilon,
};
pub use mcc::mcc;
pub use pseudo_label::{PseudoLabels, pseudo_label_loss, pseudo_labels};
