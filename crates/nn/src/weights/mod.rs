//! Pretrained weights: which are known, where they are, how they are read and how to get them.

mod choice;
mod fetch;
mod file;
mod known;
mod load;
mod locate;
mod names;
mod transpose;

pub use choice::Weights;
pub use fetch::fetch;
pub use file::{checksum, read};
pub use known::{KNOWN, KnownWeights, Origin, known};
pub use load::{Named, load, load_tensors, put};
pub use locate::{folders, locate, published};
pub(crate) use names::of_tensor;
pub(crate) use transpose::transposed;
