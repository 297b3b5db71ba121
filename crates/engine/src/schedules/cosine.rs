//! Cosine decay with warm-up.

use std::f64::consts::PI;

use isthmus_core::config::PluginConfig;
use isthmus_core::optimizer::Schedule;
use isthmus_core::registry::{About, Plugin, SchedulePlugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How [`Cosine`] falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DecayShape {
    /// Along half a cosine.
    #[default]
    Cosine,
    /// Along a line.
    Linear,
}

/// Rises linearly over `warm_up` steps, then falls to zero along half a cosine or a line.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cosine {
    /// Steps of linear rise; at the first of them the rate is 0.
    pub warm_up: usize,
    /// How the rate falls after the warm-up.
    pub shape: DecayShape,
}

impl PluginConfig for Cosine {}

impl SchedulePlugin for Cosine {
    fn build(&self) -> Box<dyn Schedule> {
        Box::new(self.clone())
    }
}

inventory::submit! {
    Plugin::schedule::<Cosine>(About {
        name: "cosine",
        summary: "Linear warm-up, then half a cosine (or a line) down to zero",
        paper: "Loshchilov, Hutter: SGDR: stochastic gradient descent with warm restarts, ICLR 2017",
    })
}

impl Schedule for Cosine {
    fn factor(&self, step: usize, total_steps: usize) -> f64 {
        if step < self.warm_up {
            return step as f64 / self.warm_up as f64;
        }
        let length = total_steps.saturating_sub(self.warm_up).max(1) as f64;
        let progress = ((step - self.warm_up) as f64 / length).min(1.0);
        match self.shape {
            DecayShape::Cosine => (0.5 * (1.0 + (PI * progress).cos())).max(0.0),
            DecayShape::Linear => 1.0 - progress,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warm_up_longer_than_the_run_never_divides_by_zero() {
        let schedule = Cosine { warm_up: 10, ..Cosine::default() };
        assert!((0..20).all(|step| schedule.factor(step, 5).is_finite()));
    }
}
