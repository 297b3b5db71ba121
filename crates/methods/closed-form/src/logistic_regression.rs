//! Multinomial logistic regression behind aligned features.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use isthmus_core::error::{MethodError, NetworkError};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::registry::ShallowClassifierPlugin;
use isthmus_core::shallow::ShallowClassifier;
use isthmus_core::validation::Matrix;
use isthmus_linear::Rows;
use isthmus_linear::logistic::{Labelled, Logistic};
use isthmus_linear::rows::log_sum_exp;

use crate::scores::Scores;

inventory::submit! {
    Plugin::shallow_classifier::<LogisticRegression>(About {
        name: "logistic-regression",
        summary: "Linear class scores with the least regularised cross-entropy on the source",
        paper: "",
    })
}

/// Logarithm of the probability of a class that no source row has.
const ABSENT: f64 = -30.0;

/// A linear classifier with the least mean cross-entropy on the source plus
/// `regularization / 2 |W|^2`, found to convergence (L-BFGS). `W` are the weights of features that
/// were brought to mean 0 and variance 1 on the source; features that do not vary are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogisticRegression {
    /// Strength of the regularisation; more gives smaller weights and less certain predictions.
    #[schemars(range(min = 0.000001))]
    pub regularization: f64,
}

impl Default for LogisticRegression {
    fn default() -> Self {
        Self { regularization: 0.01 }
    }
}

impl PluginConfig for LogisticRegression {}

impl ShallowClassifierPlugin for LogisticRegression {
    fn build(&self, classes: usize) -> Box<dyn ShallowClassifier> {
        Box::new(Probabilities {
            regularization: self.regularization,
            scores: Scores::new(classes),
        })
    }
}

struct Probabilities {
    regularization: f64,
    scores: Scores,
}

impl ShallowClassifier for Probabilities {
    fn fit(&mut self, features: &Matrix, classes: &[u32]) -> Result<(), MethodError> {
        let labels: Vec<usize> = classes.iter().map(|&class| class as usize).collect();
        let rows = Labelled { features: &Rows::from(features), labels: &labels, weights: None };
        self.scores.set(Logistic::fit(rows, self.regularization)?.linear());
        Ok(())
    }

    fn logits(&self, features: &Matrix) -> Matrix {
        let log_probabilities = |scores: &mut [f64]| {
            let log_sum = log_sum_exp(scores);
            scores.iter_mut().for_each(|score| *score -= log_sum);
        };
        self.scores.logits(features, log_probabilities, |_| ABSENT)
    }

    fn tensors(&self) -> Vec<NamedTensor> {
        self.scores.tensors()
    }

    fn load(&mut self, tensors: &BTreeMap<String, TensorData>) -> Result<(), NetworkError> {
        self.scores.load(tensors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alignment::predicted;

    fn fitted() -> Box<dyn ShallowClassifier> {
        let mut classifier = LogisticRegression::default().build(4);
        let rows =
            Matrix::new(6, 2, vec![0.0, 7.0, 1.0, 7.0, 4.0, 7.0, 5.0, 7.0, 9.0, 7.0, 10.0, 7.0]);
        classifier.fit(&rows, &[0, 0, 1, 1, 3, 3]).unwrap();
        classifier
    }

    #[test]
    fn classes_are_told_apart_and_an_absent_one_is_never_predicted() {
        let logits = fitted().logits(&Matrix::new(3, 2, vec![0.5, 7.0, 4.5, 7.0, 9.5, 7.0]));
        assert_eq!(predicted(&logits), [0, 1, 3]);
        assert!(logits.iter_rows().all(|row| row[2] == ABSENT as f32));
        let sum: f32 = logits.row(0).iter().map(|z| z.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    }

    #[test]
    fn it_is_read_back() {
        let tensors: BTreeMap<_, _> =
            fitted().tensors().into_iter().map(|tensor| (tensor.path, tensor.data)).collect();
        let mut other = LogisticRegression::default().build(4);
        let at = Matrix::new(2, 2, vec![0.4, 7.0, 10.4, 7.0]);
        assert_eq!(other.logits(&at).values(), [0.0; 8]);
        other.load(&tensors).unwrap();
        assert_eq!(other.logits(&at), fitted().logits(&at));
        assert!(LogisticRegression::default().build(3).load(&tensors).is_err());
    }
}
