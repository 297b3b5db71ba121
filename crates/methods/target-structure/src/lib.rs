//! Methods that shape the predictions on the target: certain, and unconfused between classes.
//!
//! - [`Entropy`]: predictions of low entropy.
//! - [`Mcc`]: minimum class confusion.
//! - [`Vat`]: predictions that small perturbations of the input do not change.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod entropy;
mod mcc;
mod vat;

pub use entropy::Entropy;
pub use mcc::Mcc;
pub use vat::{PerturbedDomains, Vat};
