//! How strongly the discriminator's gradient is reversed at each step.

use isthmus_core::config::FieldProblem;
use isthmus_losses::adversarial::GrlSchedule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The steepness of the schedule in the DANN paper.
const PROGRESS_ALPHA: f64 = 10.0;

/// How the reversal coefficient λ goes from `low` to `high`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReversalSchedule {
    /// By steps, whatever the length of the stage, and not stopped at `max_iterations`: with the
    /// defaults λ is 0.46 after 1000 steps and 0.99 after 5000 (tllib).
    #[default]
    WarmStart,
    /// By the share of the stage's steps that are done, with steepness 10 (Ganin et al., 2016):
    /// λ is 0.46 after a tenth, 0.99 at the middle.
    Progress,
    /// `high` at every step.
    Constant,
}

/// How the reversal coefficient λ, the factor by which features receive the reversed gradient,
/// rises from `low` to `high`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Reversal {
    /// `warm-start` by steps (tllib), `progress` by the share of the stage that is done (Ganin et
    /// al., 2016), `constant` is `high` throughout.
    pub schedule: ReversalSchedule,
    /// Steepness of the warm start.
    #[schemars(range(min = 0.0))]
    pub alpha: f64,
    /// λ at the first step.
    #[schemars(range(min = 0.0))]
    pub low: f64,
    /// What λ rises to.
    #[schemars(range(min = 0.0))]
    pub high: f64,
    /// Steps over which the warm start's exponent goes from 0 to `alpha`.
    pub max_iterations: u64,
}

impl Default for Reversal {
    fn default() -> Self {
        Self {
            schedule: ReversalSchedule::WarmStart,
            alpha: 1.0,
            low: 0.0,
            high: 1.0,
            max_iterations: 1000,
        }
    }
}

impl Reversal {
    /// λ = 1 at every step.
    pub const FULL: Self = Self {
        schedule: ReversalSchedule::Constant,
        alpha: 1.0,
        low: 0.0,
        high: 1.0,
        max_iterations: 1000,
    };

    /// Refuses a λ that would fall; `field` names the table.
    pub(crate) fn check(&self, field: &str) -> Result<(), FieldProblem> {
        if self.high >= self.low {
            return Ok(());
        }
        let message =
            format!("`high` is {}, it must be at least `low`, which is {}", self.high, self.low);
        Err(FieldProblem { field: field.to_owned(), message })
    }

    /// λ at `step`, from 0, of `total_steps`.
    pub fn coefficient(&self, step: usize, total_steps: usize) -> f64 {
        let (alpha, steps) = match self.schedule {
            ReversalSchedule::WarmStart => (self.alpha, self.max_iterations),
            ReversalSchedule::Progress => (PROGRESS_ALPHA, total_steps as u64),
            ReversalSchedule::Constant => return self.high,
        };
        GrlSchedule { low: self.low, high: self.high, alpha, steps }.coefficient(step as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reversal(schedule: ReversalSchedule) -> Reversal {
        Reversal { schedule, alpha: 1.0, low: 0.0, high: 1.0, max_iterations: 1000 }
    }

    #[test]
    fn the_warm_start_is_a_function_of_the_step_alone_and_does_not_stop() {
        let warm = reversal(ReversalSchedule::WarmStart);
        for total in [100, 1000, 20_000] {
            assert_eq!(warm.coefficient(0, total), 0.0);
            assert!((warm.coefficient(1000, total) - 0.4621).abs() < 1e-4);
            assert!((warm.coefficient(5000, total) - 0.9866).abs() < 1e-4);
        }
    }

    /// AdaTime computes progress as `step / epochs + 1 / batches`, so that λ is 1 from the first
    /// epochs on.
    #[test]
    fn the_progress_schedule_does_not_saturate_at_once() {
        let progress = reversal(ReversalSchedule::Progress);
        for total in [40, 1000, 100_000] {
            let at = |share: f64| progress.coefficient((share * total as f64) as usize, total);
            assert_eq!(at(0.0), 0.0);
            assert!((at(0.1) - 0.4621).abs() < 1e-3, "{}", at(0.1));
            assert!((at(0.5) - 0.9866).abs() < 1e-3, "{}", at(0.5));
            assert!(at(1.0) > 0.9999 && at(1.0) < 1.0);
        }
    }

    #[test]
    fn bounds_are_kept() {
        let mut reversal = reversal(ReversalSchedule::WarmStart);
        (reversal.low, reversal.high) = (0.1, 2.0);
        assert_eq!(reversal.coefficient(0, 10), 0.1);
        assert!((reversal.coefficient(1_000_000, 10) - 2.0).abs() < 1e-9);
        reversal.schedule = ReversalSchedule::Constant;
        assert_eq!(reversal.coefficient(0, 10), 2.0);
    }
}
