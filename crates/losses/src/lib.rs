//! The losses of domain adaptation as pure functions on tensors.
//!
//! No configuration, no registry, no input or output: tensors go in, a scalar `Tensor<1>` of one
//! element comes out, and its gradient is the gradient of the formula in the documentation. Every
//! function says which paper it is from, and which convention it takes where published codes
//! disagree.
//!
//! - [`classification`]: the supervised loss on source labels.
//! - [`discrepancy`]: distances between the source and the target features.
//! - [`adversarial`]: objectives of a domain discriminator, and gradient reversal.
//! - [`target`]: objectives that need target predictions only.
//!
//! Features and logits have the shape `[batch, features]`. Numbers of source and target rows may
//! differ unless a function says otherwise. Shapes that a formula is not defined for are refused by
//! a panic whose message says what was expected; values are never NaN for finite inputs.
//!
//! A few losses know their own gradient in closed form and compute it together with their value,
//! without recording the operations in between. They can be differentiated once, as everything in
//! burn.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod adversarial;
pub mod classification;
pub mod discrepancy;
pub mod target;

mod checks;
mod closed_form;
mod decomposition;
#[cfg(test)]
mod testing;
