//! Runs on this machine.

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::launcher::{LOCAL, LaunchError, Launcher, Runs};
use isthmus_core::registry::{About, LauncherPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

inventory::submit! {
    Plugin::launcher::<Local>(About {
        name: LOCAL,
        summary: "Runs on this machine, side by side as far as its processors allow",
        paper: "",
    })
}

/// How many runs go side by side, and on how many threads, is said on the command line: `--jobs`
/// and `--threads`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Local {}

impl PluginConfig for Local {}

impl LauncherPlugin for Local {
    fn build(self) -> Box<dyn Launcher> {
        Box::new(self)
    }
}

impl Launcher for Local {
    fn title(&self) -> &'static str {
        "this machine"
    }

    fn start(&self, runs: &mut dyn Runs) -> Result<(), LaunchError> {
        runs.here()
    }
}
