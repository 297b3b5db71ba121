//! Classification by the nearest rows.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use isthmus_core::error::{MethodError, NetworkError};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::registry::ShallowClassifierPlugin;
use isthmus_core::shallow::ShallowClassifier;
use isthmus_core::validation::Matrix;
use isthmus_linear::kernel::squared_distances;
use isthmus_linear::{LinearError, Rows};

use crate::tensors::{Found, matrix, vector};

inventory::submit! {
    Plugin::shallow_classifier::<NearestNeighbour>(About {
        name: "nearest-neighbour",
        summary: "The class that most of the nearest source rows have",
        paper: "Cover, Hart: Nearest neighbor pattern classification, IEEE Transactions on \
                Information Theory 1967",
    })
}

/// Predicts the class that most of the `k` nearest source rows have, by Euclidean distance; of
/// classes with equally many, the first. A class with `v` of the `k` votes has the probability
/// `(v + 1 / K) / (k + 1)` for `K` classes: one vote is shared by all, so that none is 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NearestNeighbour {
    /// Number of neighbours that vote; all source rows, where there are fewer.
    #[schemars(range(min = 1))]
    pub k: usize,
}

impl Default for NearestNeighbour {
    fn default() -> Self {
        Self { k: 1 }
    }
}

impl PluginConfig for NearestNeighbour {}

impl ShallowClassifierPlugin for NearestNeighbour {
    fn build(&self, classes: usize) -> Box<dyn ShallowClassifier> {
        Box::new(Neighbours { k: self.k, classes, rows: Rows::default(), of_rows: Vec::new() })
    }
}

struct Neighbours {
    k: usize,
    classes: usize,
    rows: Rows,
    /// The class of each row.
    of_rows: Vec<usize>,
}

impl ShallowClassifier for Neighbours {
    fn fit(&mut self, features: &Matrix, classes: &[u32]) -> Result<(), MethodError> {
        if features.rows() == 0 {
            return Err(LinearError::NoSamples.into());
        }
        self.rows = Rows::from(features);
        self.of_rows = classes.iter().map(|&class| class as usize).collect();
        Ok(())
    }

    fn logits(&self, features: &Matrix) -> Matrix {
        if self.of_rows.is_empty() {
            return Matrix::new(
                features.rows(),
                self.classes,
                vec![0.0; features.rows() * self.classes],
            );
        }
        let distances = squared_distances(&Rows::from(features), &self.rows);
        let k = self.k.min(self.of_rows.len());
        let mut logits = Vec::with_capacity(features.rows() * self.classes);
        let mut order: Vec<usize> = (0..self.of_rows.len()).collect();
        for row in distances.iter() {
            // The earlier one of equally near rows, whatever order the row before left.
            let nearer = |a: &usize, b: &usize| row[*a].total_cmp(&row[*b]).then(a.cmp(b));
            order.select_nth_unstable_by(k - 1, nearer);
            let mut votes = vec![1.0 / self.classes as f64; self.classes];
            for &neighbour in &order[..k] {
                votes[self.of_rows[neighbour]] += 1.0;
            }
            logits.extend(votes.iter().map(|votes| (votes / (k as f64 + 1.0)).ln() as f32));
        }
        Matrix::new(features.rows(), self.classes, logits)
    }

    fn tensors(&self) -> Vec<NamedTensor> {
        let classes = self.of_rows.iter().map(|&class| class as f64);
        vec![matrix("rows", &self.rows), vector("classes", classes)]
    }

    fn load(&mut self, tensors: &BTreeMap<String, TensorData>) -> Result<(), NetworkError> {
        let found = Found(tensors);
        let rows = found.matrix("rows", None)?;
        self.of_rows = found.classes("classes", rows.count(), self.classes)?;
        self.rows = rows;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alignment::predicted;

    fn fitted(k: usize) -> Box<dyn ShallowClassifier> {
        let mut classifier = NearestNeighbour { k }.build(3);
        let rows = Matrix::new(5, 1, vec![0.0, 1.0, 10.0, 11.0, 12.0]);
        classifier.fit(&rows, &[0, 0, 2, 2, 0]).unwrap();
        classifier
    }

    #[test]
    fn the_nearest_rows_vote() {
        let at = Matrix::new(3, 1, vec![0.4, 10.4, 20.0]);
        assert_eq!(predicted(&fitted(1).logits(&at)), [0, 2, 0]);
        assert_eq!(predicted(&fitted(3).logits(&at)), [0, 2, 2]);
        // More than there are rows: all vote.
        assert_eq!(predicted(&fitted(99).logits(&at)), [0, 0, 0]);
        // The first of rows equally near.
        assert_eq!(predicted(&fitted(1).logits(&Matrix::new(1, 1, vec![5.5]))), [0]);
    }

    #[test]
    fn probabilities_add_up_and_none_is_zero() {
        let logits = fitted(3).logits(&Matrix::new(1, 1, vec![11.0]));
        let probabilities: Vec<f32> = logits.row(0).iter().map(|z| z.exp()).collect();
        let expected = [(1.0 + 1.0 / 3.0) / 4.0, 1.0 / 12.0, (2.0 + 1.0 / 3.0) / 4.0];
        assert!(probabilities.iter().zip(expected).all(|(p, e)| (p - e).abs() < 1e-6));
    }

    #[test]
    fn it_is_read_back() {
        let tensors: BTreeMap<_, _> =
            fitted(3).tensors().into_iter().map(|tensor| (tensor.path, tensor.data)).collect();
        let mut other = NearestNeighbour { k: 3 }.build(3);
        let at = Matrix::new(2, 1, vec![0.4, 10.4]);
        assert_eq!(other.logits(&at).values(), [0.0; 6]);
        other.load(&tensors).unwrap();
        assert_eq!(other.logits(&at), fitted(3).logits(&at));
        let error = NearestNeighbour::default().build(2).load(&tensors).unwrap_err();
        assert!(error.to_string().contains("class 2, there are 2"), "{error}");
    }
}
