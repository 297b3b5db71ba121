//! What a row is to be predicted as: a class, a set of classes, numbers, or a sequence.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::validation::Matrix;

/// The targets of some rows. Which variant a data set has is up to its reader; an
/// [`Objective`](crate::objective::Objective) says which one it takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// One class a row.
    Classes(Vec<u32>),
    /// Any number of classes a row: `[rows, classes]`, 1 where the row has the class, 0 elsewhere.
    Labels(Matrix),
    /// Numbers: `[rows, values]`.
    Values(Matrix),
    /// One sequence of symbols a row, of any length.
    Sequences(Vec<Vec<u32>>),
}

impl Targets {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Classes(classes) => classes.len(),
            Self::Labels(matrix) | Self::Values(matrix) => matrix.rows(),
            Self::Sequences(sequences) => sequences.len(),
        }
    }

    /// What kind of targets these are, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Classes(_) => "classes",
            Self::Labels(_) => "sets of classes",
            Self::Values(_) => "numbers",
            Self::Sequences(_) => "sequences",
        }
    }

    /// The classes of the rows, where they have one each.
    pub fn classes(&self) -> Option<&[u32]> {
        match self {
            Self::Classes(classes) => Some(classes),
            _ => None,
        }
    }

    /// The targets of the given rows, in that order.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Classes(classes) => Self::Classes(rows.iter().map(|&row| classes[row]).collect()),
            Self::Labels(labels) => Self::Labels(labels.select(rows)),
            Self::Values(values) => Self::Values(values.select(rows)),
            Self::Sequences(sequences) => {
                Self::Sequences(rows.iter().map(|&row| sequences[row].clone()).collect())
            }
        }
    }

    /// Adds the rows of `other` below.
    ///
    /// # Panics
    /// If they are of another kind: the domains of a data set agree.
    pub fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Classes(all), Self::Classes(more)) => all.extend(more),
            (Self::Labels(all), Self::Labels(more)) | (Self::Values(all), Self::Values(more)) => {
                all.append(more);
            }
            (Self::Sequences(all), Self::Sequences(more)) => all.extend(more),
            (all, more) => panic!("{} cannot be joined to {}", more.kind(), all.kind()),
        }
    }
}

/// Class indices as a tensor `[rows]`.
pub fn class_tensor(classes: &[u32], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i64> = classes.iter().map(|&class| i64::from(class)).collect();
    let rows = values.len();
    Tensor::from_data(TensorData::new(values, [rows]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_every_kind_are_selected_and_appended_in_order() {
        let matrix = || Matrix::new(2, 2, vec![1.0, 2.0, 3.0, 4.0]);
        let all = [
            Targets::Classes(vec![4, 5]),
            Targets::Labels(matrix()),
            Targets::Values(matrix()),
            Targets::Sequences(vec![vec![1], vec![2, 3]]),
        ];
        for targets in all {
            let mut swapped = targets.select(&[1]);
            swapped.append(targets.select(&[0]));
            assert_eq!(swapped.rows(), 2);
            assert_ne!(swapped, targets, "{}", targets.kind());
            assert_eq!(swapped.select(&[1, 0]), targets);
        }
    }

    #[test]
    #[should_panic(expected = "numbers cannot be joined to classes")]
    fn targets_of_two_kinds_are_not_joined() {
        Targets::Classes(vec![1]).append(Targets::Values(Matrix::new(1, 1, vec![0.0])));
    }
}
