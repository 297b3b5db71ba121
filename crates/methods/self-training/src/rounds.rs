//! Rounds of a stage, at whose beginning labels are given anew, and what changes evenly over them.

use isthmus_core::step::Step;

/// Where a batch is in the rounds of its stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Round {
    /// Which round, from 0.
    pub number: usize,
    /// How many rounds there are; no more than steps.
    pub count: usize,
    /// Whether it begins with this batch.
    pub begins: bool,
}

impl Round {
    /// The round of this step's batch, of `rounds` in equal parts of the stage's steps.
    pub fn of(step: &Step<'_>, rounds: usize) -> Self {
        Self::new(step.number, step.stage.total_steps, rounds, step.is_first_batch())
    }

    /// The same of rounds that begin after `warm_up` steps; none before.
    pub fn after(step: &Step<'_>, warm_up: usize, rounds: usize) -> Option<Self> {
        let number = step.number.checked_sub(warm_up)?;
        let steps = step.stage.total_steps.saturating_sub(warm_up);
        Some(Self::new(number, steps, rounds, step.is_first_batch()))
    }

    fn new(step: usize, steps: usize, rounds: usize, is_first_batch: bool) -> Self {
        let steps = steps.max(1);
        let count = rounds.clamp(1, steps);
        let round = |step: usize| step * count / steps;
        let is_new = step == 0 || round(step) != round(step - 1);
        Self { number: round(step), count, begins: is_new && is_first_batch }
    }

    /// What goes from `first` to `last` by equal steps from round to round, in this one.
    pub fn between(self, first: f64, last: f64) -> f64 {
        between(first, last, self.number, self.count)
    }
}

/// What goes from `first` to `last` in `count` equal steps, at number `number` from 0.
pub(crate) fn between(first: f64, last: f64, number: usize, count: usize) -> f64 {
    match count {
        0 | 1 => first,
        _ => first + (last - first) * (number as f64 / (count - 1) as f64).min(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_equal_parts_and_no_more_than_steps() {
        let begins = |steps: usize, rounds: usize| -> Vec<usize> {
            (0..steps).filter(|step| Round::new(*step, steps, rounds, true).begins).collect()
        };
        assert_eq!(begins(12, 3), [0, 4, 8]);
        assert_eq!(begins(10, 4), [0, 3, 5, 8]);
        assert_eq!(begins(3, 50), [0, 1, 2]);
        assert_eq!(Round::new(11, 12, 3, true), Round { number: 2, count: 3, begins: false });
        assert!(!Round::new(8, 12, 3, false).begins, "with the first batch of a step alone");
        assert_eq!(Round::new(0, 0, 5, true), Round { number: 0, count: 1, begins: true });
    }

    #[test]
    fn the_first_and_the_last_value_are_met() {
        let at = |number| Round { number, count: 4, begins: false }.between(0.2, 0.5);
        assert_eq!((at(0), at(3)), (0.2, 0.5));
        assert!((at(1) - 0.3).abs() < 1e-12);
        assert_eq!(between(0.2, 0.5, 0, 1), 0.2);
        assert_eq!(between(0.9, 0.9, 7, 20), 0.9);
    }
}
