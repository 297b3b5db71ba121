//! Methods that bring the feature distributions of two domains together by a distance.
//!
//! - [`Dan`]: maximum mean discrepancy of the features, several kernel widths.
//! - [`DeepCoral`]: distance of the covariances.
//! - [`Jan`]: maximum mean discrepancy of features and predictions jointly.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod dan;
mod deep_coral;
mod estimator;
mod jan;

pub use dan::Dan;
pub use deep_coral::{CoralNormalization, DeepCoral};
pub use estimator::Estimator;
pub use jan::Jan;
