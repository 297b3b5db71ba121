//! Classifiers: plugins that turn features into class scores.

mod cosine;
mod linear;
mod mlp;

pub use cosine::{CosineClassifier, CosineClassifierConfig};
pub use linear::{LinearClassifier, LinearClassifierConfig};
pub use mlp::{MlpClassifier, MlpClassifierConfig};
