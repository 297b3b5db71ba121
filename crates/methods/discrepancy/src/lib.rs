//! Methods that bring the feature distributions of two domains together by a distance.
//!
//! - [`Cmd`]: central moments of each feature.
//! - [`Dan`]: maximum mean discrepancy of the features, several kernel widths.
//! - [`DeepCoral`]: distance of the covariances.
//! - [`DeepJdot`]: optimal transport of features and labels jointly.
//! - [`Dsan`]: maximum mean discrepancy of each class by itself.
//! - [`Homm`]: third and higher moments of the features jointly.
//! - [`Jan`]: maximum mean discrepancy of features and predictions jointly.
//! - [`Mmd`]: maximum mean discrepancy of the features, one kernel.
//! - [`SinkhornDivergence`]: entropic optimal transport.
//! - [`SlicedWasserstein`]: optimal transport of projections onto lines.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cmd;
mod dan;
mod deep_coral;
mod deep_jdot;
mod dsan;
mod estimator;
mod homm;
mod jan;
mod mmd;
mod regularization;
mod sinkhorn;
mod sliced_wasserstein;

pub use cmd::Cmd;
pub use dan::Dan;
pub use deep_coral::{CoralNormalization, DeepCoral};
pub use deep_jdot::{DeepJdot, Plan};
pub use dsan::Dsan;
pub use estimator::Estimator;
pub use homm::Homm;
pub use jan::Jan;
pub use mmd::{Mmd, MmdKernel};
pub use regularization::Entropic;
pub use sinkhorn::SinkhornDivergence;
pub use sliced_wasserstein::SlicedWasserstein;
