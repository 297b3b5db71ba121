//! Ridge regression to the classes, behind aligned features.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use isthmus_core::error::{MethodError, NetworkError};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::registry::ShallowClassifierPlugin;
use isthmus_core::shallow::ShallowClassifier;
use isthmus_core::validation::Matrix;
use isthmus_linear::{Rows, ridge};

use crate::scores::{Scores, below_all};

inventory::submit! {
    Plugin::shallow_classifier::<Ridge>(About {
        name: "ridge",
        summary: "Linear class scores by least squares on the source, in closed form",
        paper: "Hoerl, Kennard: Ridge regression, Technometrics 1970",
    })
}

/// For each class `k` a score `f_k(x) = w_k x + b_k` that minimises
/// `sum_i (f_k(x_i) - y_ik)^2 + regularization |w_k|^2`, with `y_ik` 1 for source rows of the class and
/// -1 for the others; the largest score is predicted, the first of equals. Solved in closed form, of as
/// many unknowns as there are features or source rows, whichever are fewer: nothing is random.
/// Features are taken as they are. Scores are no logarithms of probabilities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ridge {
    /// Strength of the regularisation; more gives smaller weights. Features multiplied by `s` ask for
    /// one multiplied by `s^2`.
    #[schemars(range(min = 0.000001))]
    pub regularization: f64,
    /// Whether scores have a bias, which is not regularised. Without one, a row of zeros has scores
    /// of 0.
    pub intercept: bool,
}

impl Default for Ridge {
    fn default() -> Self {
        Self { regularization: 1.0, intercept: true }
    }
}

impl PluginConfig for Ridge {}

impl ShallowClassifierPlugin for Ridge {
    fn build(&self, classes: usize) -> Box<dyn ShallowClassifier> {
        Box::new(LeastSquares { config: self.clone(), scores: Scores::new(classes) })
    }
}

struct LeastSquares {
    config: Ridge,
    scores: Scores,
}

impl ShallowClassifier for LeastSquares {
    fn fit(&mut self, features: &Matrix, classes: &[u32]) -> Result<(), MethodError> {
        let mut present = classes.to_vec();
        present.sort_unstable();
        present.dedup();
        let target = |own, class| if own == class { 1.0 } else { -1.0 };
        let targets = classes.iter().flat_map(|own| present.iter().map(move |it| target(own, it)));
        let targets = Rows::new(present.len(), targets.collect());
        let Ridge { regularization, intercept } = self.config;
        let mut scores = ridge(&Rows::from(features), &targets, regularization, intercept)?;
        scores.classes = present.into_iter().map(|class| class as usize).collect();
        self.scores.set(scores);
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

    fn rows(values: &[f64]) -> Matrix {
        Matrix::from(&Rows::new(2, values.to_vec()))
    }

    const AT: [f64; 12] = [0.0, 0.3, 1.0, -0.4, 4.0, 2.2, 5.0, 1.0, -3.0, 4.1, -2.0, 5.0];

    fn fitted(config: &Ridge) -> Box<dyn ShallowClassifier> {
        let mut classifier = config.build(4);
        classifier.fit(&rows(&AT), &[0, 0, 1, 1, 3, 3]).unwrap();
        classifier
    }

    #[test]
    fn classes_are_told_apart_and_an_absent_one_is_not_predicted() {
        let config = Ridge { regularization: 0.01, ..Ridge::default() };
        let logits = fitted(&config).logits(&rows(&AT));
        assert_eq!(predicted(&logits), [0, 0, 1, 1, 3, 3]);
        assert!(logits.iter_rows().all(|row| row.iter().all(|score| *score >= row[2])));
        assert!(Ridge::default().build(3).fit(&rows(&[]), &[]).is_err());
    }

    #[test]
    fn without_an_intercept_zeros_have_no_class() {
        let config = Ridge { intercept: false, ..Ridge::default() };
        assert_eq!(fitted(&config).logits(&rows(&[0.0, 0.0])).values(), [0.0, 0.0, -1.0, 0.0]);
    }

    #[test]
    fn it_is_read_back() {
        let one = fitted(&Ridge::default());
        let tensors: BTreeMap<_, _> =
            one.tensors().into_iter().map(|tensor| (tensor.path, tensor.data)).collect();
        let mut other = Ridge::default().build(4);
        assert_eq!(other.logits(&rows(&AT)).values(), [0.0; 24]);
        other.load(&tensors).unwrap();
        assert_eq!(other.logits(&rows(&AT)), one.logits(&rows(&AT)));
        assert!(Ridge::default().build(3).load(&tensors).is_err());
    }
}
