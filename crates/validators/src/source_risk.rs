//! Risk on held-out source samples.

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::registry::{About, Plugin, ValidatorPlugin};
use isthmus_core::validation::{ValidationError, ValidationView, Validator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inputs::{finite, source_losses};
use crate::rows::mean;

inventory::submit! {
    Plugin::validator::<SourceRisk>(About {
        name: "source-risk",
        summary: "Cross-entropy on held-out source samples, negated",
        paper: "",
    })
}

/// Minus the mean cross-entropy, in nats, of the source samples that were held out of training.
/// At most 0. It knows nothing of the target: of two models that are equally good on the source it
/// cannot tell the one that was adapted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SourceRisk {}

impl PluginConfig for SourceRisk {}

impl ValidatorPlugin for SourceRisk {
    fn build(&self) -> Box<dyn Validator> {
        Box::new(self.clone())
    }
}

impl Validator for SourceRisk {
    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError> {
        Ok(-finite(mean(&source_losses(view)?), "source risk")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Seen, labelled, reason};

    #[test]
    fn the_risk_is_the_mean_cross_entropy() {
        // Probabilities of the right class: 3/4 and 1/4.
        let odds = 3.0_f32.ln();
        let seen =
            Seen { source: labelled(2, &[odds, 0.0, odds, 0.0], &[0, 1]), ..Seen::default() };
        let risk = -(0.75_f64.ln() + 0.25_f64.ln()) / 2.0;
        assert!((seen.score(&SourceRisk::default()).unwrap() + risk).abs() < 1e-7);
    }

    #[test]
    fn a_model_that_is_sure_and_wrong_has_a_finite_risk() {
        let seen = Seen { source: labelled(2, &[800.0, 0.0], &[1]), ..Seen::default() };
        assert_eq!(seen.score(&SourceRisk::default()).unwrap(), -800.0);
    }

    #[test]
    fn without_held_out_samples_there_is_no_risk() {
        let error = Seen::default().score(&SourceRisk::default()).unwrap_err();
        assert_eq!(reason(error), "there are no logits of held-out source samples");
    }
}
