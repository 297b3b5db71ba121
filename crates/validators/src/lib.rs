//! Model selection without target labels: one file a validator, higher scores are better.
//!
//! From the held-out source samples and their labels: [`SourceRisk`], [`SourceAccuracy`]; weighted
//! towards the target: [`Iwv`], [`Dev`]. From the predictions on the target: [`Entropy`],
//! [`Diversity`], [`Infomax`], [`Bnm`], [`Snd`], [`SoftmaxCorrelation`], [`Mixval`]. From its
//! features: [`Silhouette`], [`ClassAmi`], [`Reverse`], [`ProxyADistance`].
//!
//! The scores are pure functions on [`Rows`], in 64-bit arithmetic on the host, and the same for
//! the same key. [`theory`] is no validator: it needs target labels.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bnm;
mod class_ami;
mod dev;
mod diversity;
mod entropy;
pub mod importance;
mod infomax;
mod inputs;
mod iwv;
mod k_means;
mod mixval;
mod mutual_information;
mod proxy_a_distance;
mod reverse;
mod silhouette;
mod snd;
mod softmax_correlation;
mod source_accuracy;
mod source_risk;
mod strengths;
#[cfg(test)]
mod testing;
pub mod theory;

use isthmus_linear::{rows, subset};

pub use isthmus_linear::{Rows, logistic};

pub use bnm::{Bnm, nuclear_norm};
pub use class_ami::ClassAmi;
pub use dev::Dev;
pub use diversity::{Diversity, entropy_of_mean};
pub use entropy::{Entropy, mean_entropy};
pub use infomax::Infomax;
pub use iwv::Iwv;
pub use k_means::{Clusters, k_means};
pub use mixval::{Mixval, Pairs};
pub use mutual_information::adjusted_mutual_information;
pub use proxy_a_distance::{ProxyADistance, a_distance_of_error};
pub use reverse::Reverse;
pub use silhouette::{Silhouette, silhouette};
pub use snd::{Snd, soft_neighborhood_density};
pub use softmax_correlation::{SoftmaxCorrelation, softmax_correlation};
pub use source_accuracy::SourceAccuracy;
pub use source_risk::SourceRisk;
