//! What classifiers of linear scores share: scores of all classes, a record, and back.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use isthmus_core::error::NetworkError;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::validation::Matrix;
use isthmus_linear::{LinearScores, Rows};

use crate::tensors::{Found, matrix, vector};

/// The score of a class that no row has, for scores that are no logarithms of probabilities: 1 below
/// the smallest of the others.
pub(crate) fn below_all(scores: &[f64]) -> f64 {
    scores.iter().copied().fold(f64::INFINITY, f64::min) - 1.0
}

/// Linear scores of the classes that occurred among `classes`.
pub(crate) struct Scores {
    classes: usize,
    /// Absent before it is fitted or loaded.
    linear: Option<LinearScores>,
}

impl Scores {
    /// None yet.
    pub(crate) fn new(classes: usize) -> Self {
        Self { classes, linear: None }
    }

    /// These, as a record holds them.
    pub(crate) fn set(&mut self, linear: LinearScores) {
        self.linear = Some(linear.rounded());
    }

    /// Logits of rows, 0 before there are scores: what `logits` makes of a row's scores, and what
    /// `absent` makes of them for classes that have none.
    pub(crate) fn logits(
        &self,
        features: &Matrix,
        logits: impl Fn(&mut [f64]),
        absent: impl Fn(&[f64]) -> f64,
    ) -> Matrix {
        let (rows, classes) = (features.rows(), self.classes);
        let Some(linear) = &self.linear else {
            return Matrix::new(rows, classes, vec![0.0; rows * classes]);
        };
        let mut all = Vec::with_capacity(rows * classes);
        for scores in linear.of(&Rows::from(features)).iter() {
            let mut own = scores.to_vec();
            logits(&mut own);
            let start = all.len();
            all.resize(start + classes, absent(&own) as f32);
            for (logit, &class) in own.iter().zip(&linear.classes) {
                all[start + class] = *logit as f32;
            }
        }
        Matrix::new(rows, classes, all)
    }

    /// Everything, for a record.
    pub(crate) fn tensors(&self) -> Vec<NamedTensor> {
        let empty = LinearScores::default();
        let linear = self.linear.as_ref().unwrap_or(&empty);
        vec![
            matrix("weights", &linear.weights),
            vector("biases", linear.biases.iter().copied()),
            vector("classes", linear.classes.iter().map(|&class| class as f64)),
        ]
    }

    /// Takes what [`tensors`](Self::tensors) gave.
    pub(crate) fn load(
        &mut self,
        tensors: &BTreeMap<String, TensorData>,
    ) -> Result<(), NetworkError> {
        let found = Found(tensors);
        let weights = found.matrix("weights", None)?;
        let biases = found.vector("biases", weights.count())?;
        let classes = found.classes("classes", weights.count(), self.classes)?;
        self.linear = Some(LinearScores { classes, weights, biases });
        Ok(())
    }
}
