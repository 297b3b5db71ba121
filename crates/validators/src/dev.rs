//! Deep embedded validation.

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::registry::{About, Plugin, ValidatorPlugin};
use isthmus_core::validation::{ValidationError, ValidationView, Validator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use isthmus_core::config::FieldProblem;

use crate::importance::{Weighting, deep_embedded_risk};
use crate::inputs::{finite, source_losses};
use crate::strengths::{check_regularization, default_regularization};

inventory::submit! {
    Plugin::validator::<Dev>(About {
        name: "dev",
        summary: "Importance-weighted source risk with a control variate against variance, negated",
        paper: "You, Wang, Long, Jordan: Towards accurate model selection in deep unsupervised \
                domain adaptation, ICML 2019",
    })
}

/// Minus the risk of `iwv` with a control variate: `mean(w l) + eta mean(w) - eta` with `eta =
/// -Cov(w l, w) / Var(w)`. The weights' mean is known to be 1, and the risk is corrected by how far
/// it is off in this sample. Where the weights do not vary, `eta` is 0. The risk can be negative
/// and so the score positive, where the correction is larger than the risk. As with `iwv`, a score
/// near 0 of domains that do not overlap says nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dev {
    /// Weights above this many times the square root of the number of held-out samples are cut
    /// down to it (Ionides 2008): where the domains hardly overlap, a single sample would decide
    /// otherwise. 0 cuts none.
    #[schemars(range(min = 0.0))]
    pub truncation: f64,
    /// Strengths of the domain classifier's regularisation to choose from, by the cross-entropy on
    /// a fifth of each domain's samples; one strength is taken as it is.
    pub regularization: Vec<f64>,
    /// The domain classifier is fitted to so many samples of each domain at most, drawn by the
    /// seed.
    #[schemars(range(min = 2))]
    pub maximum_rows: usize,
}

impl Default for Dev {
    fn default() -> Self {
        Self { truncation: 1.0, regularization: default_regularization(), maximum_rows: 2000 }
    }
}

impl PluginConfig for Dev {
    fn check(&self) -> Result<(), FieldProblem> {
        check_regularization(&self.regularization)
    }
}

impl ValidatorPlugin for Dev {
    fn build(&self) -> Box<dyn Validator> {
        Box::new(self.clone())
    }
}

impl Validator for Dev {
    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError> {
        let weights = Weighting {
            regularization: &self.regularization,
            truncation: self.truncation,
            maximum_rows: self.maximum_rows,
        }
        .weights(view)?;
        let risk = deep_embedded_risk(&weights, &source_losses(view)?);
        Ok(-finite(risk, "deep embedded risk")?)
    }

    fn needs_source_training(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isthmus_core::random::Key;
    use isthmus_core::validation::LabelledOutputs;

    use crate::testing::{matrix, normal, reason, shifted, shifted_target};

    #[test]
    fn the_control_variate_takes_the_error_of_the_weights_out() {
        // Every loss is the same: the risk is this loss, whatever the weights are.
        let all_wrong = shifted_target(|_| true);
        let loss = (1.0_f64 + 1.0_f64.exp()).ln();
        assert!((all_wrong.score(&Dev::default()).unwrap() + loss).abs() < 1e-6);
        let weighted = all_wrong.score(&crate::Iwv::default()).unwrap();
        assert!((weighted + loss).abs() > 1e-3, "the weights' mean is not 1: {weighted}");
    }

    #[test]
    fn without_a_difference_between_samples_it_is_the_mean_risk() {
        let mut seen = shifted_target(|x| x > 0.0);
        // A feature that does not vary: no classifier, equal weights of N_s / N_t * N_t / N_s = 1.
        seen.source.outputs.features = matrix(&crate::Rows::new(1, vec![0.5; 400]));
        seen.source_training.outputs.features = matrix(&crate::Rows::new(1, vec![0.5; 300]));
        seen.target.features = matrix(&crate::Rows::new(1, vec![0.5; 200]));
        let source_risk = seen.score(&crate::SourceRisk::default()).unwrap();
        let score = seen.score(&Dev::default()).unwrap();
        assert!((score - source_risk).abs() < 1e-3, "{score} for {source_risk}");
    }

    #[test]
    fn domains_without_overlap_leave_a_finite_score() {
        let mut seen = shifted_target(|x| x > 0.0);
        seen.target.features = matrix(&shifted(&normal(400, 1, &Key::new(3)), 40.0));
        let score = seen.score(&Dev::default()).unwrap();
        assert!(score.is_finite() && score.abs() < 20.0, "{score}");
    }

    #[test]
    fn source_training_samples_are_asked_for_and_missed() {
        let mut seen = shifted_target(|x| x > 0.0);
        assert!(Dev::default().needs_source_training());
        seen.source_training = LabelledOutputs::default();
        let error = seen.score(&Dev::default()).unwrap_err();
        assert_eq!(reason(error), "there are no features of source training samples");
    }
}
