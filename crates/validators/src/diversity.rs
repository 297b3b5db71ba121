//! Evenness of the classes predicted for the target.

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::registry::{About, Plugin, ValidatorPlugin};
use isthmus_core::validation::{ValidationError, ValidationView, Validator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inputs::target_probabilities;
use crate::rows::{Rows, shannon_entropy};

inventory::submit! {
    Plugin::validator::<Diversity>(About {
        name: "diversity",
        summary: "Entropy of the mean prediction on the target",
        paper: "Musgrave, Belongie, Lim: Benchmarking validation methods for unsupervised domain \
                adaptation, arXiv 2022",
    })
}

/// The entropy, in nats, of the mean of the predicted probabilities of target samples: `ln K` where
/// all classes are predicted alike, 0 where every sample is given one class. Even predictions of a
/// model that knows nothing are diverse too: read it beside `entropy`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Diversity {}

impl PluginConfig for Diversity {}

impl ValidatorPlugin for Diversity {
    fn build(&self) -> Box<dyn Validator> {
        Box::new(self.clone())
    }
}

impl Validator for Diversity {
    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError> {
        Ok(entropy_of_mean(&target_probabilities(view)?))
    }
}

/// The entropy of the mean of rows of probabilities, in nats.
pub fn entropy_of_mean(probabilities: &Rows) -> f64 {
    shannon_entropy(&probabilities.mean())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seen;

    #[test]
    fn classes_in_equal_parts_have_the_largest_diversity() {
        let seen = Seen::target(2, &[900.0, 0.0, 0.0, 900.0]);
        assert!((seen.score(&Diversity::default()).unwrap() - 2.0_f64.ln()).abs() < 1e-12);
        let unsure = Seen::target(2, &[0.0; 4]);
        assert!((unsure.score(&Diversity::default()).unwrap() - 2.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn a_collapsed_model_has_none() {
        let seen = Seen::target(2, &[900.0, 0.0, 900.0, 0.0]);
        assert_eq!(seen.score(&Diversity::default()).unwrap(), 0.0);
    }
}
