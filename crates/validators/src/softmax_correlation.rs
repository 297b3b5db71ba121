//! Correlation of classes in the predictions.

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::registry::{About, Plugin, ValidatorPlugin};
use isthmus_core::validation::{ValidationError, ValidationView, Validator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inputs::target_probabilities;
use crate::rows::{Rows, add_scaled, dot};

inventory::submit! {
    Plugin::validator::<SoftmaxCorrelation>(About {
        name: "softmax-correlation",
        summary: "How close the class correlations of the predictions are to certain and even ones",
        paper: "Tu, Deng, Zheng, Gedeon: Assessing model out-of-distribution generalization with \
                softmax prediction probability baselines and a correlation method, 2023",
    })
}

/// The cosine similarity of the class correlation matrix of the predictions on the target, `C = P^T
/// P / n` with `P` the predicted probabilities, and the matrix of a model that is certain and
/// predicts all classes alike, the identity: `tr(C) / (|C|_F sqrt(K))`. 1 for such a model, `1 /
/// sqrt(K)` where every sample is given one class or every prediction is even. The published score
/// may take another estimate of how frequent the classes are; here they are taken to be equally
/// frequent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SoftmaxCorrelation {}

impl PluginConfig for SoftmaxCorrelation {}

impl ValidatorPlugin for SoftmaxCorrelation {
    fn build(&self) -> Box<dyn Validator> {
        Box::new(self.clone())
    }
}

impl Validator for SoftmaxCorrelation {
    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError> {
        Ok(softmax_correlation(&target_probabilities(view)?))
    }
}

/// The cosine similarity of `P^T P` and the identity, for rows `P` of probabilities.
pub fn softmax_correlation(probabilities: &Rows) -> f64 {
    let classes = probabilities.columns();
    let mut correlation = vec![0.0; classes * classes];
    for row in probabilities.iter() {
        for (line, p) in correlation.chunks_exact_mut(classes).zip(row) {
            add_scaled(line, row, *p);
        }
    }
    let trace: f64 = correlation.iter().step_by(classes + 1).sum();
    trace / (dot(&correlation, &correlation).sqrt() * (classes as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seen;

    fn score(columns: usize, logits: &[f32]) -> f64 {
        Seen::target(columns, logits).score(&SoftmaxCorrelation::default()).unwrap()
    }

    #[test]
    fn certain_and_even_predictions_score_one() {
        assert!((score(2, &[900.0, 0.0, 0.0, 900.0]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn one_prediction_for_all_scores_one_over_the_root_of_the_classes() {
        for logits in [[900.0, 0.0, 0.0, 0.0], [0.0; 4]] {
            assert!((score(4, &logits.repeat(3)) - 0.5).abs() < 1e-12);
        }
    }

    #[test]
    fn uneven_classes_lie_between() {
        // C = diag(3/4, 1/4): 1 / (sqrt(10) / 4 * sqrt(2)).
        let logits = [900.0, 0.0, 900.0, 0.0, 900.0, 0.0, 0.0, 900.0];
        assert!((score(2, &logits) - 4.0 / 20.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn without_target_samples_there_is_no_score() {
        assert!(Seen::default().score(&SoftmaxCorrelation::default()).is_err());
    }
}
