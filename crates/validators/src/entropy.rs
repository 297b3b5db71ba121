//! Certainty of the predictions on the target.

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::registry::{About, Plugin, ValidatorPlugin};
use isthmus_core::validation::{ValidationError, ValidationView, Validator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inputs::target_probabilities;
use crate::rows::{Rows, mean, shannon_entropy};

inventory::submit! {
    Plugin::validator::<Entropy>(About {
        name: "entropy",
        summary: "Mean entropy of the predictions on the target, negated",
        paper: "Morerio, Cavazza, Murino: Minimal-entropy correlation alignment for unsupervised \
                deep domain adaptation, ICLR 2018",
    })
}

/// Minus the mean entropy, in nats, of the predicted probabilities of target samples: 0 where every
/// prediction is certain, `-ln K` where each is even. A model that gives every sample one class is
/// certain too: read it beside `diversity`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Entropy {}

impl PluginConfig for Entropy {}

impl ValidatorPlugin for Entropy {
    fn build(&self) -> Box<dyn Validator> {
        Box::new(self.clone())
    }
}

impl Validator for Entropy {
    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError> {
        Ok(-mean_entropy(&target_probabilities(view)?))
    }
}

/// The mean entropy of rows of probabilities, in nats.
pub fn mean_entropy(probabilities: &Rows) -> f64 {
    let entropies: Vec<f64> = probabilities.iter().map(shannon_entropy).collect();
    mean(&entropies)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Seen, reason};

    #[test]
    fn even_predictions_have_the_entropy_of_the_classes() {
        let seen = Seen::target(2, &[0.0, 0.0, 900.0, 0.0]);
        let score = seen.score(&Entropy::default()).unwrap();
        assert!((score + 2.0_f64.ln() / 2.0).abs() < 1e-12);
    }

    #[test]
    fn without_target_samples_there_is_no_entropy() {
        let error = Seen::default().score(&Entropy::default()).unwrap_err();
        assert_eq!(reason(error), "there are no logits of target samples");
    }

    #[test]
    fn a_collapsed_model_has_the_best_entropy_of_all() {
        let collapsed = Seen::target(2, &[900.0, 0.0, 900.0, 0.0]);
        assert_eq!(collapsed.score(&Entropy::default()).unwrap(), 0.0);
    }
}
