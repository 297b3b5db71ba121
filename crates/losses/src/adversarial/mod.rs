//! Objectives of domain discriminators and of classifiers that disagree, and what reverses a
//! gradient.

mod dann;
mod gradient_reversal;
mod grl_schedule;
mod mcd;
mod multi_domain;
mod osbp;

pub use dann::{dann_domain_bce, dann_domain_bce_weighted};
pub use gradient_reversal::gradient_reversal;
pub use grl_schedule::GrlSchedule;
pub use mcd::{class_balance, classifier_discrepancy};
pub use multi_domain::{domain_confusion, multi_domain_cross_entropy};
pub use osbp::unknown_class_bce;
