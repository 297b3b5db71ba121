//! Methods that bring the feature distributions of two domains together by a distance.
//!
//! - [`Cmd`]: central moments of each feature.
//! - [`Dan`]: maximum mean discrepancy of the features, several kernel widths.
//! - [`DeepCoral`]: distance of the covariances.
//! - [`DeepJdot`]: optimal transport of features and labels jointly.
//! - [`Dsan`]: maximum mean discrepancy of each class by itself.
//! - [`GraphMatching`]: rows of both domains matched softly by place and distances.
//! - [`Homm`]: third and higher moments of the features jointly.
//! - [`Jan`]: maximum mean discrepancy of features and predictions jointly.
//! - [`M3sda`]: moments of each feature, of every pair of several domains.
//! - [`Mmd`]: maximum mean discrepancy of the features, one kernel.
//! - [`SinkhornDivergence`]: entropic optimal transport.
//! - [`SlicedWasserstein`]: optimal transport of projections onto lines.
//! - [`Spa`]: spectra of the graphs of the rows.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cmd;
mod dan;
mod deep_coral;
mod deep_jdot;
mod dsan;
mod estimator;
mod graph_matching;
mod homm;
mod jan;
mod m3sda;
mod mmd;
mod regularization;
mod sinkhorn;
mod sliced_wasserstein;
mod spa;

pub use cmd::Cmd;
pub use dan::Dan;
pub use deep_coral::{CoralNormalization, DeepCoral};
pub use deep_jdot::{DeepJdot, Plan};
pub use dsan::Dsan;
pub use estimator::Estimator;
pub use graph_matching::GraphMatching;
pub use homm::Homm;
pub use jan::Jan;
pub use m3sda::M3sda;
pub use mmd::{Mmd, MmdKernel};
pub use regularization::Entropic;
pub use sinkhorn::SinkhornDivergence;
pub use sliced_wasserstein::SlicedWasserstein;
pub use spa::{GraphLaplacian, Spa};
