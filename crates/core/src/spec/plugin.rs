//! A plugin as an experiment names it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A plugin with its complete configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PluginSpec {
    /// Name of the plugin.
    pub name: String,
    /// Its configuration, defaults filled in.
    pub config: Value,
}
