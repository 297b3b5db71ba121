//! Linear algebra and linear models in 64-bit arithmetic, on the host.
//!
//! - [`Rows`]: matrices, their products, and the few operations that scores are made of.
//! - [`Eigen`]: eigenvalues and eigenvectors of symmetric matrices.
//! - [`cholesky`]: triangular factors.
//! - [`logistic`]: multinomial logistic regression.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cholesky;
mod error;
mod lbfgs;
pub mod logistic;
pub mod rows;
mod symmetric;
#[cfg(test)]
mod testing;
mod tridiagonal;

pub use error::LinearError;
pub use rows::Rows;
pub use symmetric::{Eigen, eigenvalues};
