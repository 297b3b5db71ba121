//! Accuracy on held-out source samples.

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::registry::{About, Plugin, ValidatorPlugin};
use isthmus_core::validation::{ValidationError, ValidationView, Validator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inputs::{SOURCE, labels, logits};
use crate::rows::error_rate;

inventory::submit! {
    Plugin::validator::<SourceAccuracy>(About {
        name: "source-accuracy",
        summary: "Accuracy on held-out source samples",
        paper: "",
    })
}

/// The share, in [0, 1], of the source samples held out of training that are predicted right. It
/// knows nothing of the target, and it often does not change between checkpoints any more:
/// `source-risk` is finer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SourceAccuracy {}

impl PluginConfig for SourceAccuracy {}

impl ValidatorPlugin for SourceAccuracy {
    fn build(&self) -> Box<dyn Validator> {
        Box::new(self.clone())
    }
}

impl Validator for SourceAccuracy {
    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError> {
        let predicted = logits(&view.source.outputs, view.classes, SOURCE)?.largest();
        Ok(1.0 - error_rate(&predicted, &labels(view.source, view.classes, SOURCE)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Seen, labelled};

    #[test]
    fn right_predictions_are_counted() {
        let logits = [2.0, 0.0, 0.0, 1.0, 5.0, 4.0, 0.0, 1.0];
        let seen = Seen { source: labelled(2, &logits, &[0, 1, 1, 1]), ..Seen::default() };
        assert_eq!(seen.score(&SourceAccuracy::default()).unwrap(), 0.75);
    }

    #[test]
    fn without_held_out_samples_there_is_no_accuracy() {
        assert!(Seen::default().score(&SourceAccuracy::default()).is_err());
    }
}
