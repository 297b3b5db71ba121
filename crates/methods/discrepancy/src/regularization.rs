//! Entropic plans as the methods that use them are configured.

use isthmus_losses::discrepancy::Sinkhorn;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How entropic plans are found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Entropic {
    /// Weight of the plan's entropy, as a share of the mean cost of a pair in the batch, so that it
    /// means the same for features of any scale. With a smaller one plans are sharper and need more
    /// sweeps. The default did well among 0.05, 0.2, 0.5 and 1 on two tasks of Office-31, judged by
    /// target labels.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub regularization: f64,
    /// Sweeps at most.
    #[schemars(range(min = 1))]
    pub sweeps: usize,
    /// The sweeps end when no more than this share of the mass is in the wrong place.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub tolerance: f64,
}

impl Default for Entropic {
    fn default() -> Self {
        Self { regularization: 0.2, sweeps: 100, tolerance: 1e-3 }
    }
}

impl Entropic {
    /// The smallest mean cost that is divided by: of a batch of equal rows it would be 0.
    const SMALLEST: f64 = 1e-12;

    /// The settings for a batch whose pairs cost this on average.
    pub(crate) fn settings(&self, mean_cost: f64) -> Sinkhorn {
        Sinkhorn {
            epsilon: self.regularization * mean_cost.max(Self::SMALLEST),
            sweeps: self.sweeps,
            tolerance: self.tolerance,
        }
    }
}
