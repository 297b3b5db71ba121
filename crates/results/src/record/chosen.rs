//! Which evaluations the validators of a run choose.

use std::collections::{BTreeMap, BTreeSet};

use isthmus_core::validation::SCORE_PREFIX;
use serde::{Deserialize, Serialize};

/// The evaluation that a validator chose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Steps of the last stage.
    pub step: usize,
    /// The validator's score; higher is better.
    pub score: f64,
}

/// The choices of a run's validators among the evaluations of its last stage: the highest score,
/// the first of equals. Scores that are not numbers are never chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chosen(BTreeMap<String, Choice>);

impl Chosen {
    /// Takes in the metrics of an evaluation; whether a validator prefers it to all before.
    pub fn observe<'a>(
        &mut self,
        step: usize,
        metrics: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> bool {
        let mut better = false;
        for (name, score) in metrics {
            let Some(validator) = name.strip_prefix(SCORE_PREFIX) else { continue };
            if score.is_nan() || self.0.get(validator).is_some_and(|best| best.score >= score) {
                continue;
            }
            self.0.insert(validator.to_owned(), Choice { step, score });
            better = true;
        }
        better
    }

    /// The steps that at least one validator chose.
    pub fn steps(&self) -> BTreeSet<usize> {
        self.0.values().map(|choice| choice.step).collect()
    }

    /// Whether no validator chose anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The choices by validator.
    pub fn by_validator(&self) -> &BTreeMap<String, Choice> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_score_is_chosen_and_the_first_of_equals() {
        let mut chosen = Chosen::default();
        assert!(chosen.observe(10, [("validator/a", 0.5), ("target_accuracy", 0.9)]));
        assert!(!chosen.observe(20, [("validator/a", 0.5), ("validator/b", f64::NAN)]));
        assert!(chosen.observe(30, [("validator/a", 0.4), ("validator/b", -1.0)]));
        assert_eq!(chosen.by_validator()["a"], Choice { step: 10, score: 0.5 });
        assert_eq!(chosen.steps(), BTreeSet::from([10, 30]));
        assert_eq!(chosen.by_validator().len(), 2);
    }
}
