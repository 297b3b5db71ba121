//! The constant schedule.

use isthmus_core::config::PluginConfig;
use isthmus_core::optimizer::Schedule;
use isthmus_core::registry::{About, Plugin, SchedulePlugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The base learning rate at every step.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Constant {}

impl PluginConfig for Constant {}

impl SchedulePlugin for Constant {
    fn build(&self) -> Box<dyn Schedule> {
        Box::new(self.clone())
    }
}

inventory::submit! {
    Plugin::schedule::<Constant>(About {
        name: "constant",
        summary: "The base learning rate at every step",
        paper: "",
    })
}

impl Schedule for Constant {
    fn factor(&self, _step: usize, _total_steps: usize) -> f64 {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_is_always_one() {
        assert_eq!(Constant {}.factor(0, 10), 1.0);
        assert_eq!(Constant {}.factor(9, 10), 1.0);
    }
}
