//! What the file of a method usually needs.

pub use burn::tensor::Tensor;
pub use schemars::JsonSchema;
pub use serde::{Deserialize, Serialize};

pub use crate::config::PluginConfig;
pub use crate::error::MethodError;
pub use crate::inventory;
pub use crate::method::{Driver, Method, MethodContext, Term};
pub use crate::registry::{About, Needs, Plugin};
pub use crate::stage::Stage;
pub use crate::step::Step;
