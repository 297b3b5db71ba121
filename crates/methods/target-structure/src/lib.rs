//! Methods that shape the predictions on the target: certain, and unconfused between classes.
//!
//! - [`Entropy`]: predictions of low entropy.
//! - [`Mcc`]: minimum class confusion.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod entropy;
mod mcc;

pub use entropy::Entropy;
pub use mcc::Mcc;
