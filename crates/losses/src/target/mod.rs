//! Objectives that need predictions on target rows only.

mod bnm;
mod consistency;
mod entropy;
mod information_maximization;
mod mcc;
mod pseudo_label;
mod vat;

pub use bnm::bnm;
pub use consistency::{class_balance_cross_entropy, consistency};
pub use entropy::{entropy, entropy_per_sample, entropy_with_epsilon};
pub use information_maximization::{
    entropy_of_mean, information_maximization, information_maximization_with_epsilon,
};
pub use mcc::mcc;
pub use pseudo_label::{PseudoLabels, pseudo_label_loss, pseudo_labels};
pub use vat::{adversarial_perturbation, divergence};
