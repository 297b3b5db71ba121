//! Which evaluations the validators of a run choose.

use std::collections::{BTreeMap, BTreeSet};

use isthmus_core::validation::SCORE_PREFIX;
use serde::{Deserialize, Serialize};

/// The evaluation that a validator chose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Steps of the last stage.
    pub step: usize,
    /// The validator's score; higher is better.
    pub score: f64,
    /// The file of the model. Equal models are stored once: this may be the file of the final
    /// one, or of another step. Absent while the run goes on, and in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
}

impl Choice {
    /// The name of the model's file in the record.
    pub fn model(&self) -> String {
        self.model.clone().unwrap_or_else(|| model_of_step(self.step))
    }
}

/// The file of a model that a validator chose, unless an equal one is stored elsewhere.
pub(super) fn model_of_step(step: usize) -> String {
    format!("model-{step}.safetensors")
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
            self.0.insert(validator.to_owned(), Choice { step, score, model: None });
            better = true;
        }
        better
    }

    /// The steps that at least one validator chose.
    pub fn steps(&self) -> BTreeSet<usize> {
        self.0.values().map(|choice| choice.step).collect()
    }

    /// Says which file holds the model of each step.
    pub(super) fn set_models(&mut self, files: &BTreeMap<usize, String>) {
        for choice in self.0.values_mut() {
            choice.model = files.get(&choice.step).cloned();
        }
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
        assert_eq!(chosen.by_validator()["a"], Choice { step: 10, score: 0.5, model: None });
        assert_eq!(chosen.by_validator()["a"].model(), "model-10.safetensors");
        assert_eq!(chosen.steps(), BTreeSet::from([10, 30]));
        assert_eq!(chosen.by_validator().len(), 2);
    }
}
