//! Linear algebra and linear models in 64-bit arithmetic, on the host.
//!
//! - [`Rows`]: matrices, their products, and the few operations that scores are made of.
//! - [`Eigen`]: eigenvalues and eigenvectors of symmetric matrices.
//! - [`principal_components`]: directions in which rows vary most.
//! - [`cholesky`]: triangular factors, and systems solved by them.
//! - [`ridge`]: least squares with small weights.
//! - [`kernel`]: distances and Gaussian kernels of all pairs of rows.
//! - [`logistic`]: multinomial logistic regression; [`svm`]: the linear support vector machine.
//! - [`domain_classifier`]: source or target, and the ratio of their densities.
//! - [`mmd`]: the distance of two domains.
//! - [`subset`]: parts of rows.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cholesky;
pub mod domain_classifier;
mod error;
pub mod kernel;
mod lbfgs;
mod linear_scores;
pub mod logistic;
pub mod mmd;
mod principal_components;
mod ridge;
pub mod rows;
pub mod subset;
pub mod svm;
mod symmetric;
#[cfg(test)]
mod testing;
mod tridiagonal;

pub use error::LinearError;
pub use linear_scores::LinearScores;
pub use principal_components::principal_components;
pub use ridge::ridge;
pub use rows::Rows;
pub use symmetric::{Eigen, eigenvalues};
