//! Linear scores of classes, whatever they were fitted by.

use crate::rows::Rows;

/// Class scores `W x + b`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinearScores {
    /// The class of each score.
    pub classes: Vec<usize>,
    /// `W`, `[scores, features]`.
    pub weights: Rows,
    /// `b`.
    pub biases: Vec<f64>,
}

impl LinearScores {
    /// The scores of rows, `[rows, scores]`.
    ///
    /// # Panics
    /// If there are not as many features as weights of a score.
    pub fn of(&self, features: &Rows) -> Rows {
        let negative: Vec<f64> = self.biases.iter().map(|bias| -bias).collect();
        features.times_transposed(&self.weights).minus(&negative)
    }

    /// The same with the 32-bit numbers of a record.
    pub fn rounded(self) -> Self {
        Self {
            weights: self.weights.rounded(),
            biases: self.biases.into_iter().map(|bias| f64::from(bias as f32)).collect(),
            ..self
        }
    }
}
