//! The `[sweep]` table: one file, many settings.
//!
//! [`axis`] reads the values of each setting, [`expand`] makes the file's variants of them and
//! checks each, [`halving`] says which settings go on to the next round.

mod axis;
mod expand;
mod halving;
mod variant;

pub(crate) use expand::read;
pub use halving::{Competitors, Halving};
pub use variant::{Sweep, Variant};
