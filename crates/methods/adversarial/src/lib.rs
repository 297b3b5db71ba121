//! Methods that align domains against an adversary.
//!
//! - [`Dann`]: a discriminator behind a gradient reversal.
//! - [`Mcd`]: two classifiers that disagree where the target is unlike the source.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod dann;
mod mcd;
mod measure;
mod reversal;

pub use dann::Dann;
pub use mcd::Mcd;
pub use reversal::ReversalSchedule;
