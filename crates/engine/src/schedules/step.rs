//! Step decay.

use isthmus_core::config::PluginConfig;
use isthmus_core::optimizer::Schedule;
use isthmus_core::registry::{About, Plugin, SchedulePlugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Multiplies the rate by `factor` every `every` steps.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StepDecay {
    /// Steps between two changes.
    #[schemars(range(min = 1))]
    pub every: usize,
    /// What the rate is multiplied by.
    #[schemars(range(min = 0.0))]
    pub factor: f64,
}

impl Default for StepDecay {
    fn default() -> Self {
        Self { every: 1000, factor: 0.1 }
    }
}

impl PluginConfig for StepDecay {}

impl SchedulePlugin for StepDecay {
    fn build(&self) -> Box<dyn Schedule> {
        Box::new(self.clone())
    }
}

inventory::submit! {
    Plugin::schedule::<StepDecay>(About {
        name: "step",
        summary: "Multiplies the rate by a factor every so many steps",
        paper: "",
    })
}

impl Schedule for StepDecay {
    fn factor(&self, step: usize, _total_steps: usize) -> f64 {
        let changes = i32::try_from(step / self.every).unwrap_or(i32::MAX);
        self.factor.powi(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_changes_at_multiples() {
        let schedule = StepDecay { every: 10, factor: 0.5 };
        assert_eq!(schedule.factor(9, 100), 1.0);
        assert_eq!(schedule.factor(10, 100), 0.5);
        assert_eq!(schedule.factor(25, 100), 0.25);
    }
}
