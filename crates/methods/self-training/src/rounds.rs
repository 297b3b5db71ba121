//! Rounds of a stage, at whose beginning labels are given anew.

use isthmus_core::step::Step;

/// Where a batch is in the rounds of its stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Round {
    /// Which round, from 0.
    pub number: usize,
    /// Whether it begins with this batch.
    pub begins: bool,
}

impl Round {
    /// The round of this step's batch, of `rounds` in equal parts of the stage's steps.
    pub fn of(step: &Step<'_>, rounds: usize) -> Self {
        let total_steps = step.stage.total_steps.max(1);
        let round = |number: usize| number * rounds.clamp(1, total_steps) / total_steps;
        let number = round(step.number);
        let is_new = step.number == 0 || number != round(step.number - 1);
        Self { number, begins: is_new && step.is_first_batch() }
    }
}
