//! Objectives of domain discriminators, critics and classifiers that disagree, and what reverses a
//! gradient.

mod afn;
mod bsp;
mod cdan;
mod dann;
mod gradient_reversal;
mod grl_schedule;
mod mcd;
mod mdd;
mod multi_domain;
mod osbp;
mod target_likeness;
mod transferability;
mod wdgrl;
mod weight_overlap;

pub use afn::{hard_feature_norm, stepwise_feature_norm};
pub use bsp::batch_spectral_penalization;
pub use cdan::{certainty_weights, entropy_weights, multilinear_map, randomized_multilinear_map};
pub use dann::{dann_domain_bce, dann_domain_bce_weighted};
pub use gradient_reversal::gradient_reversal;
pub use grl_schedule::GrlSchedule;
pub use mcd::{class_balance, classifier_discrepancy};
pub use mdd::{margin_disparity, target_margin_disparity};
pub use multi_domain::{
    domain_columns, domain_confusion, multi_domain_cross_entropy, negative_domain_entropy,
};
pub use osbp::unknown_class_bce;
pub use target_likeness::target_likeness_weights;
pub use transferability::{sample_transferability, weights_over_range};
pub use wdgrl::{gradient_penalty, wasserstein_estimate};
pub use weight_overlap::weight_overlap;
