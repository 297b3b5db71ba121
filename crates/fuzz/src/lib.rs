//! Feeds damaged files to everything that reads files: no input may end the process, take longer
//! than its time, or reserve more memory than its size justifies.
//!
//! A mutational driver of our own rather than a coverage-guided one: it runs on the stable toolchain,
//! in CI, with a seed that repeats every input. [`Target`]s name what is read, [`mutated`] changes
//! their seeds; the tests run them and keep the inputs that found a fault.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod mutation;
mod records;
mod seeds;
mod targets;

// Registers the plugins.
use isthmus as _;

pub use mutation::mutated;
pub use targets::{Pack, TARGETS, Target, target};
