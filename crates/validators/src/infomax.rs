//! Information maximisation on the target.

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::registry::{About, Plugin, ValidatorPlugin};
use isthmus_core::validation::{ValidationError, ValidationView, Validator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diversity::entropy_of_mean;
use crate::entropy::mean_entropy;
use crate::inputs::target_probabilities;

inventory::submit! {
    Plugin::validator::<Infomax>(About {
        name: "infomax",
        summary: "Information that the predictions hold on the target: diversity less entropy",
        paper: "Bridle, Heading, MacKay: Unsupervised classifiers, mutual information and phantom \
                targets, NIPS 1991",
    })
}

/// The mutual information between target samples and their predicted classes, in nats: the entropy
/// of the mean prediction less the mean entropy of the predictions, from 0 to `ln K`. Certain and
/// diverse predictions have much of it, whether they are right or not. It takes balanced classes to
/// be better than others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Infomax {}

impl PluginConfig for Infomax {}

impl ValidatorPlugin for Infomax {
    fn build(&self) -> Box<dyn Validator> {
        Box::new(self.clone())
    }
}

impl Validator for Infomax {
    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError> {
        let probabilities = target_probabilities(view)?;
        Ok(entropy_of_mean(&probabilities) - mean_entropy(&probabilities))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seen;

    #[test]
    fn certain_and_diverse_predictions_hold_all_information() {
        let certain = Seen::target(2, &[900.0, 0.0, 0.0, 900.0]);
        assert!((certain.score(&Infomax::default()).unwrap() - 2.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn the_same_prediction_for_all_holds_none() {
        for logits in [[0.0; 4], [900.0, 0.0, 900.0, 0.0], [1.0, 0.0, 1.0, 0.0]] {
            let score = Seen::target(2, &logits).score(&Infomax::default()).unwrap();
            assert!(score.abs() < 1e-12, "{score}");
        }
    }
}
