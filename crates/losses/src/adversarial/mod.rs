//! Objectives of domain discriminators, and what reverses their gradient.

mod dann;
mod gradient_reversal;
mod grl_schedule;
mod multi_domain;

pub use dann::{dann_domain_bce, dann_domain_bce_weighted};
pub use gradient_reversal::gradient_reversal;
pub use grl_schedule::GrlSchedule;
pub use multi_domain::{domain_confusion, multi_domain_cross_entropy};
