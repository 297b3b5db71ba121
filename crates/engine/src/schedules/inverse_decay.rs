//! Inverse decay.

use isthmus_core::config::PluginConfig;
use isthmus_core::optimizer::Schedule;
use isthmus_core::registry::{About, Plugin, SchedulePlugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the decay of [`InverseDecay`] counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DecayOver {
    /// Steps: `(1 + gamma * step)^-power`.
    #[default]
    Steps,
    /// Progress from 0 to 1: `(1 + gamma * step / iterations)^-power` (Ganin's form, with
    /// `gamma = 10`).
    Progress,
}

/// `lr * (1 + gamma * i)^-power`: the schedule of DANN and of most methods after it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InverseDecay {
    /// How fast the rate falls.
    #[schemars(range(min = 0.0))]
    pub gamma: f64,
    /// The exponent.
    #[schemars(range(min = 0.0))]
    pub power: f64,
    /// Whether `i` counts steps or is the progress from 0 to 1.
    pub over: DecayOver,
}

impl Default for InverseDecay {
    fn default() -> Self {
        Self { gamma: 1e-3, power: 0.75, over: DecayOver::Steps }
    }
}

impl PluginConfig for InverseDecay {}

impl SchedulePlugin for InverseDecay {
    fn build(&self) -> Box<dyn Schedule> {
        Box::new(self.clone())
    }
}

inventory::submit! {
    Plugin::schedule::<InverseDecay>(About {
        name: "inverse-decay",
        summary: "lr * (1 + gamma * i)^-power, by step or by progress",
        paper: "Ganin et al.: Domain-adversarial training of neural networks, JMLR 2016, sec. 5.2.2",
    })
}

impl Schedule for InverseDecay {
    fn factor(&self, step: usize, total_steps: usize) -> f64 {
        let count = match self.over {
            DecayOver::Steps => step as f64,
            DecayOver::Progress => step as f64 / total_steps.max(1) as f64,
        };
        (1.0 + self.gamma * count).powf(-self.power)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_gives_the_same_end_for_every_length() {
        let schedule =
            InverseDecay { gamma: 10.0, over: DecayOver::Progress, ..Default::default() };
        assert_eq!(schedule.factor(0, 100), 1.0);
        assert!((schedule.factor(100, 100) - 11f64.powf(-0.75)).abs() < 1e-12);
        assert_eq!(schedule.factor(50, 100), schedule.factor(500, 1000));
    }
}
