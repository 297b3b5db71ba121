//! Methods that align the features of two domains in closed form, once, and classify them by a
//! shallow classifier.
//!
//! - [`Tca`]: components that keep the variance and lose the difference of the domains' means.
//! - [`Coral`]: the source gets the target's covariance.
//! - [`SubspaceAlignment`]: the source's principal components turned to the target's.
//! - [`Jda`]: as TCA, for the classes too, by pseudo-labels in rounds.
//! - [`Gfk`]: features along the shortest way between the domains' subspaces.
//! - [`OptimalTransport`]: each source row goes where the cheapest plan sends it.
//! - [`LinearTransport`]: the same between Gaussians, as one linear map.
//! - [`Jdot`]: a classifier of the target, fitted to labels that a plan brings.
//! - [`ShallowSourceOnly`]: none of it, to compare with.
//!
//! [`NearestNeighbour`], [`LogisticRegression`], [`LinearSvm`] and [`Ridge`] are the classifiers.
//!
//! In a first stage features are those of the extractor: nothing has trained the bottleneck. After
//! a stage that trains they are those behind the bottleneck. Several sources count as one.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod alignment;
mod class_plans;
mod coral;
mod fitted;
mod gfk;
mod jda;
mod jdot;
mod linear_svm;
mod linear_transport;
mod logistic_regression;
mod low_rank;
mod mapping;
mod nearest_neighbour;
mod optimal_transport;
mod predictor;
mod ridge;
mod scores;
mod shallow_source_only;
mod subspace_alignment;
mod tca;
mod tensors;
#[cfg(test)]
mod testing;

pub use coral::{Coral, recolouring};
pub use gfk::Gfk;
pub use jda::{ClassTransfer, Jda, class_transfer_components, discrepancy_weights};
pub use jdot::Jdot;
pub use linear_svm::LinearSvm;
pub use linear_transport::LinearTransport;
pub use logistic_regression::LogisticRegression;
pub use nearest_neighbour::NearestNeighbour;
pub use optimal_transport::{OptimalTransport, TransportPlan};
pub use ridge::Ridge;
pub use shallow_source_only::ShallowSourceOnly;
pub use subspace_alignment::{SubspaceAlignment, aligned_subspaces};
pub use tca::{Kernel, Tca, TransferComponents, transfer_components};
