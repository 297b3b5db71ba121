//! The linear support vector machine behind aligned features.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use isthmus_core::error::{MethodError, NetworkError};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::registry::ShallowClassifierPlugin;
use isthmus_core::shallow::ShallowClassifier;
use isthmus_core::validation::Matrix;
use isthmus_linear::svm::{one_against_the_rest, one_hot};
use isthmus_linear::{LinearScores, Rows};

use crate::scores::{Scores, below_all};

inventory::submit! {
    Plugin::shallow_classifier::<LinearSvm>(About {
        name: "linear-svm",
        summary: "Linear class scores with the widest margins on the source, each class against the rest",
        paper: "Cortes, Vapnik: Support-vector networks, Machine Learning 1995; squared hinge: \
                Fan, Chang, Hsieh, Wang, Lin: LIBLINEAR, JMLR 2008",
    })
}

/// For each class `k` a score `f_k(x) = w_k x + b_k` that minimises
/// `|w_k|^2 / 2 + cost * sum_i max(0, 1 - y_ik f_k(x_i))^2`, with `y_ik` 1 for source rows of the
/// class and -1 for the others; the largest score is predicted. Found to convergence (L-BFGS), so
/// that nothing is random. Biases are not regularised (in LIBLINEAR they are).
///
/// Features are taken as they are: multiplied by `s`, they ask for a `cost` divided by `s^2`. Scores
/// are no logarithms of probabilities, and say little of how certain a prediction is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinearSvm {
    /// What a row inside the margin or on its wrong side costs, `C` in the literature; above 0. Less
    /// gives wider margins.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub cost: f64,
}

impl Default for LinearSvm {
    fn default() -> Self {
        Self { cost: 1.0 }
    }
}

impl PluginConfig for LinearSvm {}

impl ShallowClassifierPlugin for LinearSvm {
    fn build(&self, classes: usize) -> Box<dyn ShallowClassifier> {
        Box::new(Margins { cost: self.cost, classes, scores: Scores::new(classes) })
    }
}

struct Margins {
    cost: f64,
    classes: usize,
    scores: Scores,
}

/// A classifier of scores that were fitted elsewhere.
pub(crate) fn of_scores(linear: LinearScores, classes: usize) -> Box<dyn ShallowClassifier> {
    let mut scores = Scores::new(classes);
    scores.set(linear);
    Box::new(Margins { cost: LinearSvm::default().cost, classes, scores })
}

impl ShallowClassifier for Margins {
    fn fit(&mut self, features: &Matrix, classes: &[u32]) -> Result<(), MethodError> {
        let labels = classes.iter().map(|&class| class as usize);
        let counts = one_hot(labels, self.classes, self.cost);
        self.scores.set(one_against_the_rest(&Rows::from(features), &counts)?);
        Ok(())
    }

    fn logits(&self, features: &Matrix) -> Matrix {
        self.scores.logits(features, |_| (), below_all)
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
    use crate::testing::{assert_peers, small};
    use isthmus_testing::SMALL_LABELS;

    fn rows(values: &[f64]) -> Matrix {
        Matrix::from(&Rows::new(2, values.to_vec()))
    }

    const AT: [f64; 12] = [0.0, 0.3, 1.0, -0.4, 4.0, 2.2, 5.0, 1.0, -3.0, 4.1, -2.0, 5.0];

    fn fitted(cost: f64) -> Box<dyn ShallowClassifier> {
        let mut classifier = LinearSvm { cost }.build(4);
        classifier.fit(&rows(&AT), &[0, 0, 1, 1, 3, 3]).unwrap();
        classifier
    }

    #[test]
    fn classes_are_told_apart_and_an_absent_one_is_never_predicted() {
        let logits = fitted(1.0).logits(&rows(&AT));
        assert_eq!(predicted(&logits), [0, 0, 1, 1, 3, 3]);
        for row in logits.iter_rows() {
            assert!(row.iter().all(|score| *score >= row[2] && score.is_finite()), "{row:?}");
        }
        let mut one = LinearSvm::default().build(3);
        one.fit(&rows(&AT), &[1; 6]).unwrap();
        assert_eq!(predicted(&one.logits(&rows(&AT))), [1; 6]);
        assert!(LinearSvm::default().build(3).fit(&rows(&[]), &[]).is_err());
    }

    #[test]
    fn the_scores_are_those_of_liblinear() {
        let (source, _) = small();
        let counts = one_hot(SMALL_LABELS.iter().map(|&label| label as usize), 3, 1.0);
        let found = one_against_the_rest(&source, &counts).unwrap();
        let weights = [
            0.254357, -1.034385, 0.32407, 0.239318, 0.283111, 0.191496, -0.422186, 1.09755,
            -0.56759,
        ];
        assert_peers(found.weights.values(), &weights, 1e-5);
        assert_peers(&found.biases, &[-0.139896, -0.475437, -1.047487], 1e-5);
    }

    #[test]
    fn it_is_read_back() {
        let tensors: BTreeMap<_, _> =
            fitted(1.0).tensors().into_iter().map(|tensor| (tensor.path, tensor.data)).collect();
        let mut other = LinearSvm::default().build(4);
        assert_eq!(other.logits(&rows(&AT)).values(), [0.0; 24]);
        other.load(&tensors).unwrap();
        assert_eq!(other.logits(&rows(&AT)), fitted(1.0).logits(&rows(&AT)));
        assert!(LinearSvm::default().build(3).load(&tensors).is_err());
    }
}
