//! The supervised loss on labelled rows.

mod binary_cross_entropy;
mod complement_entropy;
mod cross_entropy;
mod ctc;
mod generalized_cross_entropy;

pub use binary_cross_entropy::binary_cross_entropy_per_sample;
pub use complement_entropy::complement_entropy;
pub use cross_entropy::{
    cross_entropy, cross_entropy_per_sample, cross_entropy_smoothed,
    cross_entropy_smoothed_per_sample,
};
pub use ctc::{TooShort, ctc_best_path, ctc_per_sample};
pub use generalized_cross_entropy::generalized_cross_entropy_per_sample;
