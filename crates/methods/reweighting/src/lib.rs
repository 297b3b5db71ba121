//! Methods that weigh source samples by how likely they are in the target.
//!
//! - [`ImportanceWeighting`]: density ratios, estimated once before training, by one of
//!   [`Estimator`]'s ways.
//! - [`SourceSimilarity`]: one weight for each of several sources.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod importance_weighting;
mod kernel_mean_matching;
mod kliep;
mod nearest_neighbour;
mod row_weights;
mod source_similarity;

pub use importance_weighting::{Estimator, ImportanceWeighting};
pub use kernel_mean_matching::kernel_mean_matching_ratios;
pub use kliep::kliep_ratios;
pub use nearest_neighbour::nearest_neighbour_ratios;
pub use source_similarity::SourceSimilarity;
