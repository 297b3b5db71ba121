//! Model selection without target labels: validators score a model by what it does on held-out
//! source samples with labels and on target samples without.

use crate::error::{DataError, MethodError};
use crate::model::no_states;
use crate::random::Key;

/// Begins the name of a metric that is a validator's score.
pub const SCORE_PREFIX: &str = "validator/";

/// Numbers in rows, on the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Matrix {
    /// A matrix of `rows` rows from `values`, row after row.
    ///
    /// # Panics
    /// If the values do not fill rows of `columns` values.
    pub fn new(rows: usize, columns: usize, values: Vec<f32>) -> Self {
        assert_eq!(values.len(), rows * columns, "values do not fill {rows} rows of {columns}");
        Self { rows, columns, values }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// The rows, in order.
    pub fn iter_rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        (0..self.rows).map(|row| self.row(row))
    }

    /// The given rows, in that order.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn select(&self, rows: &[usize]) -> Self {
        let values = rows.iter().flat_map(|&row| self.row(row)).copied().collect();
        Self::new(rows.len(), self.columns, values)
    }

    /// Adds the rows of `other` below.
    ///
    /// # Panics
    /// If it has another number of columns and neither is empty.
    pub fn append(&mut self, other: Self) {
        if self.rows == 0 {
            *self = other;
            return;
        }
        assert_eq!(self.columns, other.columns, "rows of another length cannot be added");
        self.rows += other.rows;
        self.values.extend(other.values);
    }
}

/// What a model makes of some samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs {
    /// Features after the bottleneck `[rows, features]`.
    pub features: Matrix,
    /// Logits `[rows, classes]`; where there are states, their mean.
    pub logits: Matrix,
    /// Outputs in time, where the objective reads them.
    pub states: Option<StateOutputs>,
}

impl Outputs {
    /// Features `[rows, features]` and logits `[rows, classes]` of samples, and nothing else.
    pub fn new(features: Matrix, logits: Matrix) -> Self {
        Self { features, logits, states: None }
    }

    /// Number of samples.
    pub fn rows(&self) -> usize {
        self.logits.rows()
    }

    /// The outputs in time, for an objective that reads them; of no samples there are none.
    ///
    /// # Errors
    /// If what predicted gives one row a sample.
    pub fn states(&self) -> Result<&StateOutputs, MethodError> {
        match &self.states {
            Some(states) => Ok(states),
            None if self.rows() == 0 => Ok(&NO_STATES),
            None => Err(no_states()),
        }
    }

    /// The given rows, in that order.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            features: self.features.select(rows),
            logits: self.logits.select(rows),
            states: self.states.as_ref().map(|states| states.select(rows)),
        }
    }

    /// Adds the rows of `other` below.
    ///
    /// # Panics
    /// If it has another number of columns and neither is empty.
    pub fn append(&mut self, other: Self) {
        self.features.append(other.features);
        self.logits.append(other.logits);
        match (&mut self.states, other.states) {
            (Some(states), Some(others)) => states.append(others),
            (states, others) => *states = states.take().or(others),
        }
    }
}

/// Outputs in time of some samples, each of its own length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateOutputs {
    outputs: Matrix,
    /// Where each sample's outputs begin among all.
    starts: Vec<usize>,
}

/// Those of no samples.
static NO_STATES: StateOutputs = StateOutputs {
    outputs: Matrix { rows: 0, columns: 0, values: Vec::new() },
    starts: Vec::new(),
};

impl StateOutputs {
    /// Outputs `[sum of the lengths, outputs]`, one sample after the other.
    ///
    /// # Panics
    /// If the lengths do not add up to the rows.
    pub fn new(outputs: Matrix, lengths: &[usize]) -> Self {
        assert_eq!(outputs.rows(), lengths.iter().sum::<usize>(), "lengths do not add up");
        let mut start = 0;
        let starts = lengths.iter().map(|length| {
            start += length;
            start - length
        });
        Self { starts: starts.collect(), outputs }
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.starts.len()
    }

    /// The outputs of a sample, one state after the other.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn of(&self, sample: usize) -> impl ExactSizeIterator<Item = &[f32]> {
        self.range(sample).map(|state| self.outputs.row(state))
    }

    /// The given samples, in that order.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn select(&self, samples: &[usize]) -> Self {
        let ranges = samples.iter().map(|&sample| self.range(sample));
        let states: Vec<usize> = ranges.clone().flatten().collect();
        let lengths: Vec<usize> = ranges.map(|range| range.len()).collect();
        Self::new(self.outputs.select(&states), &lengths)
    }

    /// Adds the samples of `other` behind.
    ///
    /// # Panics
    /// If it has another number of outputs and neither is empty.
    pub fn append(&mut self, other: Self) {
        let before = self.outputs.rows();
        self.starts.extend(other.starts.iter().map(|start| before + start));
        self.outputs.append(other.outputs);
    }

    fn range(&self, sample: usize) -> std::ops::Range<usize> {
        let end = self.starts.get(sample + 1).copied().unwrap_or(self.outputs.rows());
        self.starts[sample]..end
    }
}

/// Samples with labels and what a model makes of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelledOutputs {
    /// What the model makes of them.
    pub outputs: Outputs,
    /// Their classes.
    pub labels: Vec<u32>,
}

/// Predicts inputs that validators make up from target samples.
pub trait MixedPredictions {
    /// Logits `[pairs, classes]` of `weight * x_i + (1 - weight) * x_j` for each pair `(i, j)` of
    /// target rows, positions in [`ValidationView::target`].
    ///
    /// # Errors
    /// If a sample cannot be read.
    fn mixed_logits(&self, pairs: &[(usize, usize)], weight: f32) -> Result<Matrix, DataError>;
}

/// A model as validators see it. Target labels are not in it.
pub struct ValidationView<'a> {
    /// Number of classes that the model tells apart: its outputs.
    pub classes: usize,
    /// Source samples that were held out of training, of all sources.
    pub source: &'a LabelledOutputs,
    /// Source samples that were trained on, or a part of them that is the same at every
    /// evaluation; empty unless [`Validator::needs_source_training`].
    pub source_training: &'a LabelledOutputs,
    /// Target samples without their labels.
    pub target: &'a Outputs,
    /// Predictions for mixtures of target samples.
    pub mixed: &'a dyn MixedPredictions,
    /// Names this validator's randomness; the same at every evaluation of a run, so that scores
    /// of different checkpoints differ by the model alone.
    pub key: Key,
}

/// A score that is not defined for a model, such as a clustering score where one class is
/// predicted for every sample.
#[derive(Debug, thiserror::Error)]
pub enum ValidationError {
    /// The score is not defined here; the checkpoint cannot be chosen by it.
    #[error("{0}")]
    Undefined(String),
    /// A sample could not be read.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// Scores a model without target labels.
pub trait Validator: Send + Sync {
    /// The score; higher is better. Risks are negated.
    ///
    /// # Errors
    /// If the score is not defined for this model, or a sample cannot be read.
    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError>;

    /// Whether it asks for predictions of mixtures: samples that have no common shape cannot be
    /// mixed.
    fn mixes_samples(&self) -> bool {
        false
    }

    /// Whether the score is made of source training samples too.
    fn needs_source_training(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_kept_apart_and_appended_in_order() {
        let mut matrix = Matrix::default();
        matrix.append(Matrix::new(2, 2, vec![1.0, 2.0, 3.0, 4.0]));
        matrix.append(Matrix::new(1, 2, vec![5.0, 6.0]));
        assert_eq!((matrix.rows(), matrix.columns()), (3, 2));
        assert_eq!(matrix.row(2), [5.0, 6.0]);
        assert_eq!(matrix.iter_rows().map(|row| row[0]).collect::<Vec<_>>(), [1.0, 3.0, 5.0]);
    }

    #[test]
    fn samples_keep_their_states() {
        let outputs = |values: &[f32]| Matrix::new(values.len(), 1, values.to_vec());
        let mut states = StateOutputs::new(outputs(&[1.0, 2.0, 3.0]), &[1, 2]);
        states.append(StateOutputs::new(outputs(&[4.0, 5.0, 6.0]), &[3]));
        let of = |states: &StateOutputs, sample| {
            states.of(sample).map(|state| state[0]).collect::<Vec<_>>()
        };
        assert_eq!(states.samples(), 3);
        assert_eq!(of(&states, 1), [2.0, 3.0]);
        assert_eq!(of(&states, 2), [4.0, 5.0, 6.0]);
        assert_eq!(Outputs::default().states().unwrap().samples(), 0);
        let rows = Outputs::new(outputs(&[1.0]), outputs(&[1.0]));
        assert!(rows.states().unwrap_err().to_string().contains("one row a sample"));
        let some = states.select(&[2, 0]);
        assert_eq!((of(&some, 0), of(&some, 1)), (vec![4.0, 5.0, 6.0], vec![1.0]));
    }
}
