//! The supervised loss on labelled rows.

mod cross_entropy;

pub use cross_entropy::{
    cross_entropy, cross_entropy_per_sample, cross_entropy_smoothed,
    cross_entropy_smoothed_per_sample,
};
