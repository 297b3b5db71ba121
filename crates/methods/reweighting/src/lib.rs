//! Methods that weigh source samples by how likely they are in the target.
//!
//! - [`ImportanceWeighting`]: density ratios, estimated once before training, by one of
//!   [`Estimator`]'s ways.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod importance_weighting;
mod kernel_mean_matching;
mod kliep;
mod nearest_neighbour;

pub use importance_weighting::{Estimator, ImportanceWeighting};
pub use kernel_mean_matching::kernel_mean_matching_ratios;
pub use kliep::kliep_ratios;
pub use nearest_neighbour::nearest_neighbour_ratios;
