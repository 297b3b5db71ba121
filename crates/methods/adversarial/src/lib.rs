//! Methods that align domains against a discriminator.
//!
//! - [`Dann`]: a discriminator behind a gradient reversal.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod dann;
mod measure;
mod reversal;

pub use dann::Dann;
pub use reversal::ReversalSchedule;
