//! Methods that align domains against an adversary.
//!
//! - [`Dann`]: a discriminator behind a gradient reversal.
//! - [`Mcd`]: two classifiers that disagree where the target is unlike the source.
//! - [`Osbp`]: a boundary that target samples of unknown classes are moved across.
//! - [`Pada`]: as `Dann`, where the target lacks classes of the source.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod adversary;
mod dann;
mod mcd;
mod measure;
mod osbp;
mod pada;
mod reversal;

pub use dann::Dann;
pub use mcd::Mcd;
pub use osbp::Osbp;
pub use pada::Pada;
pub use reversal::{Reversal, ReversalSchedule};
