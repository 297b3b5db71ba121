//! Reverse validation in feature space.

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::registry::{About, Plugin, ValidatorPlugin};
use isthmus_core::validation::{ValidationError, ValidationView, Validator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inputs::{SOURCE, TARGET, features, labels, target_predictions, undefined};
use crate::logistic::{Labelled, Logistic};
use crate::rows::error_rate;
use crate::subset::at_most;

inventory::submit! {
    Plugin::validator::<Reverse>(About {
        name: "reverse",
        summary: "Accuracy on the source of a classifier learned from predictions on the target",
        paper: "Zhong, Fan, Yang, Verscheure, Ren: Cross validation framework to choose amongst \
                models and datasets for transfer learning, ECML PKDD 2010; Ganin et al., \
                Domain-adversarial training of neural networks, JMLR 2016",
    })
}

/// Fits a logistic classifier to the features of target samples and the classes that the model
/// predicts for them, and scores how it does on held-out source samples: its accuracy, in [0, 1].
/// Reverse (circular) validation trains the whole network backwards; here it is a linear classifier
/// on the features, which takes seconds and asks whether the classes lie alike in both domains.
/// Where one class is predicted for the whole target, the score is the share of this class in the
/// source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Reverse {
    /// Strength of the classifier's regularisation, above 0.
    #[schemars(range(min = 0.000001))]
    pub regularization: f64,
    /// The classifier is fitted to so many target samples at most, drawn by the seed.
    #[schemars(range(min = 1))]
    pub maximum_rows: usize,
}

impl Default for Reverse {
    fn default() -> Self {
        Self { regularization: 0.01, maximum_rows: 1000 }
    }
}

impl PluginConfig for Reverse {}

impl ValidatorPlugin for Reverse {
    fn build(&self) -> Box<dyn Validator> {
        Box::new(self.clone())
    }
}

impl Validator for Reverse {
    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError> {
        let target = features(view.target, TARGET)?;
        let predicted = target_predictions(view)?;
        let source = features(&view.source.outputs, SOURCE)?;
        let labels = labels(view.source, view.classes, SOURCE)?;
        if source.columns() != target.columns() {
            return Err(undefined("source and target have features of different number"));
        }
        let rows = at_most(target.count(), self.maximum_rows, &view.key.named("subset"));
        let pseudo_labels: Vec<usize> = rows.iter().map(|&row| predicted[row]).collect();
        let rows =
            Labelled { features: &target.select(&rows), labels: &pseudo_labels, weights: None };
        let classifier = Logistic::fit(rows, self.regularization)?;
        Ok(1.0 - error_rate(&classifier.predict(&source), &labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isthmus_core::random::Key;
    use isthmus_core::validation::{LabelledOutputs, Outputs};

    use crate::rows::Rows;
    use crate::testing::{Seen, blobs, matrix};

    /// Three classes far apart in both domains; the model predicts `classes` for those of the
    /// target.
    fn seen(classes: [usize; 3]) -> Seen {
        let (source, source_labels) = blobs(&[0, 1, 2], 20, 3, 8.0, 0.0, &Key::new(1));
        let (target, target_labels) = blobs(&[0, 1, 2], 30, 3, 8.0, 0.5, &Key::new(2));
        let logits: Vec<f64> = target_labels
            .iter()
            .flat_map(|label| (0..3).map(|class| f64::from(u8::from(class == classes[*label]))))
            .collect();
        let outputs = |rows: &Rows, logits: &Rows| Outputs::new(matrix(rows), matrix(logits));
        Seen {
            source: LabelledOutputs {
                outputs: outputs(&source, &source),
                labels: source_labels.iter().map(|label| *label as u32).collect(),
            },
            target: outputs(&target, &Rows::new(3, logits)),
            ..Seen::default()
        }
    }

    #[test]
    fn classes_that_lie_alike_are_found_again() {
        assert_eq!(seen([0, 1, 2]).score(&Reverse::default()).unwrap(), 1.0);
    }

    #[test]
    fn two_classes_exchanged_leave_a_third() {
        let score = seen([1, 0, 2]).score(&Reverse::default()).unwrap();
        assert!((score - 1.0 / 3.0).abs() < 1e-12, "{score}");
    }

    #[test]
    fn a_single_predicted_class_scores_its_share() {
        let score = seen([1, 1, 1]).score(&Reverse::default()).unwrap();
        assert!((score - 1.0 / 3.0).abs() < 1e-12, "{score}");
    }

    #[test]
    fn both_domains_need_samples() {
        let mut without = seen([0, 1, 2]);
        without.source = LabelledOutputs::default();
        assert!(without.score(&Reverse::default()).is_err());
        assert!(Seen::default().score(&Reverse::default()).is_err());
    }
}
