//! Weights of an extractor that the record of another run has.
//!
//! [`settle`] reads the records that an experiment names, before anything else of it: the hash of
//! the tensors is part of what identifies its runs. [`taken`] reads one record and compares its
//! extractor with the one that is to begin with its tensors; [`find_again`] looks for the record of
//! a run that is finished, for what its own record does not hold.

mod error;
mod settled;
mod taken;

#[cfg(test)]
mod tests;

pub use error::WeightsFromError;
pub use settled::{Settled, Taken, settle};
pub use taken::{TakenWeights, find_again};
