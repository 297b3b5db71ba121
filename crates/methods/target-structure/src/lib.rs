//! Methods that shape the predictions on the target: certain, and unconfused between classes.
//!
//! - [`Bnm`]: predictions whose matrix has a large nuclear norm.
//! - [`DeepClustering`]: target samples that gather around class centres.
//! - [`DirtT`]: refinement of a trained model, near a teacher.
//! - [`Entropy`]: predictions of low entropy.
//! - [`InformationMaximization`]: predictions that are certain, and together diverse.
//! - [`Mcc`]: minimum class confusion.
//! - [`Vat`]: predictions that small perturbations of the input do not change.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bnm;
mod deep_clustering;
mod dirt_t;
mod entropy;
mod information_maximization;
mod mcc;
mod vat;

pub use bnm::Bnm;
pub use deep_clustering::DeepClustering;
pub use dirt_t::DirtT;
pub use entropy::Entropy;
pub use information_maximization::InformationMaximization;
pub use mcc::Mcc;
pub use vat::{PerturbedDomains, Vat};
