//! Holds isthmus against numbers that the code of its peers computed.
//!
//! A reference file says what a quantity is, gives inputs, and lists the values and gradients that
//! came out elsewhere ([`format`](mod@format)). A [`Claim`] names such a file and says how isthmus
//! computes the same ([`claims`]). [`check`](check::check) runs the claim on every case of the file
//! and measures each array in shares of the tolerance that the file allows. The integration test
//! `reference` does so for a whole folder.
//!
//! To claim another file, add an entry to the list of its family in [`claims`].
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod check;
pub mod claims;
mod error;
pub mod folder;
pub mod format;
mod outputs;

pub use claims::Claim;
pub use error::ReferenceError;
pub use outputs::{Inputs, Outputs};
