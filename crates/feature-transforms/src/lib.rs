//! Feature transforms: what features and series go through before a model is trained on them, one
//! file each. Of a series each time step is changed as a vector of its channels.
//!
//! - scaling by what was fitted: [`ZScore`], [`MinMax`]
//! - of each vector by itself: [`UnitLength`], [`LogOnePlus`]
//! - projection: [`PrincipalComponents`]
//! - more features: [`MarginalizedDenoising`]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod column_scaling;
mod denoising;
mod fitted_on;
mod log_one_plus;
mod min_max;
mod principal_components;
#[cfg(test)]
mod testing;
mod unit_length;
mod z_score;

pub use denoising::MarginalizedDenoising;
pub use fitted_on::FittedOn;
pub use log_one_plus::LogOnePlus;
pub use min_max::MinMax;
pub use principal_components::PrincipalComponents;
pub use unit_length::UnitLength;
pub use z_score::ZScore;
