//! Heads that a task needs beside the model: hidden layers and a linear one, on features.

use isthmus_core::error::MethodError;
use isthmus_core::method::MethodContext;
use isthmus_core::parts::Classifier;
use isthmus_core::registry::build_classifier;
use isthmus_core::spec::PluginSpec;
use serde_json::json;

/// A network from the model's features to `outputs` values, ReLU between its layers; `name` names
/// its initial weights.
///
/// # Errors
/// If it cannot be built for these sizes.
pub(crate) fn head(
    context: &MethodContext,
    name: &str,
    hidden: &[usize],
    outputs: usize,
) -> Result<Box<dyn Classifier>, MethodError> {
    let config = json!({ "hidden": hidden, "batch_norm": false, "dropout": 0.0 });
    let spec = PluginSpec { name: "mlp".to_owned(), config };
    build_classifier(&spec, context.feature_size, outputs, &context.network(name))
}
