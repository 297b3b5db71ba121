//! Which of two values of a metric is better.

use isthmus_core::validation::SCORE_PREFIX;

/// Whether high or low values are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Higher is better.
    Highest,
    /// Lower is better.
    Lowest,
}

impl Direction {
    /// Of accuracies and validators' scores higher is better; of losses, errors, risks and
    /// distances lower; of other metrics nothing is known.
    pub fn of(metric: &str) -> Option<Self> {
        let has = |words: &[&str]| words.iter().any(|word| metric.contains(word));
        if has(&["accuracy"]) || metric.starts_with(SCORE_PREFIX) {
            Some(Self::Highest)
        } else if has(&["loss", "error", "risk", "distance", "divergence"]) {
            Some(Self::Lowest)
        } else {
            None
        }
    }

    /// The value with its sign changed where lower is better: of the results, higher is better.
    pub(crate) fn upwards(self, value: f64) -> f64 {
        match self {
            Self::Highest => value,
            Self::Lowest => -value,
        }
    }
}
