//! What a row is to be predicted as: a class, a set of classes, numbers, or a sequence.

use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::validation::Matrix;

/// What the targets of a data set are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// One class for each sample.
    #[default]
    Classes,
    /// Any number of classes for each sample.
    Labels,
    /// Numbers for each sample.
    Values,
    /// A sequence of symbols for each sample.
    Sequences,
}

impl std::fmt::Display for TargetKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Classes => "classes",
            Self::Labels => "sets of classes",
            Self::Values => "numbers",
            Self::Sequences => "sequences",
        })
    }
}

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

    /// What kind of targets these are.
    pub fn kind(&self) -> TargetKind {
        match self {
            Self::Classes(_) => TargetKind::Classes,
            Self::Labels(_) => TargetKind::Labels,
            Self::Values(_) => TargetKind::Values,
            Self::Sequences(_) => TargetKind::Sequences,
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

/// Targets of those rows of a set that have one: all, some, or none.
#[derive(Clone, Debug, PartialEq)]
pub struct RowTargets {
    rows: usize,
    /// The rows that have a target, ascending; absent: every row.
    known: Option<Arc<[usize]>>,
    /// Their targets, in that order.
    targets: Arc<Targets>,
}

impl RowTargets {
    /// A target for every row.
    pub fn all(targets: Targets) -> Self {
        Self { rows: targets.rows(), known: None, targets: Arc::new(targets) }
    }

    /// No targets for `rows` rows.
    pub fn none(rows: usize) -> Self {
        let known = (rows > 0).then(|| Arc::from([]));
        Self { rows, known, targets: Arc::new(Targets::Classes(Vec::new())) }
    }

    /// Targets of the `known` ones, ascending, of `rows` rows.
    ///
    /// # Panics
    /// If there is not one target for each.
    pub fn some(rows: usize, known: Vec<usize>, targets: Targets) -> Self {
        assert_eq!(known.len(), targets.rows(), "a target for each row that has one");
        let known = (known.len() < rows).then(|| known.into());
        Self { rows, known, targets: Arc::new(targets) }
    }

    /// The class of each row, where it has one.
    pub fn of_classes(classes: &[Option<u32>]) -> Self {
        let known: Vec<usize> = (0..classes.len()).filter(|&row| classes[row].is_some()).collect();
        let targets = Targets::Classes(classes.iter().flatten().copied().collect());
        if known.len() == classes.len() {
            return Self::all(targets);
        }
        Self { rows: classes.len(), known: Some(known.into()), targets: Arc::new(targets) }
    }

    /// Number of rows, with a target or without.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of rows with a target.
    pub fn known_rows(&self) -> usize {
        self.targets.rows()
    }

    /// The rows that have a target, ascending.
    pub fn known(&self) -> Vec<usize> {
        match &self.known {
            None => (0..self.rows).collect(),
            Some(known) => known.to_vec(),
        }
    }

    /// Whether every row has a target.
    pub fn is_complete(&self) -> bool {
        self.known.is_none()
    }

    /// The targets of the [`known`](Self::known) rows, in that order.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The class of each row; absent where a row has none, or another kind of target.
    pub fn classes(&self) -> Vec<Option<u32>> {
        let mut classes = vec![None; self.rows];
        if let Some(known) = self.targets.classes() {
            for (row, &class) in self.known().into_iter().zip(known) {
                classes[row] = Some(class);
            }
        }
        classes
    }

    /// The targets of the given rows, in that order; `None` if one of them has none.
    pub fn of(&self, rows: &[usize]) -> Option<Targets> {
        let places = rows.iter().map(|row| self.place(*row)).collect::<Option<Vec<usize>>>()?;
        Some(self.targets.select(&places))
    }

    /// The given rows, in that order, with the targets that they have.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn select(&self, rows: &[usize]) -> Self {
        assert!(rows.iter().all(|&row| row < self.rows), "a set has no rows beyond its end");
        let places: Vec<Option<usize>> = rows.iter().map(|&row| self.place(row)).collect();
        let known: Vec<usize> = (0..rows.len()).filter(|&row| places[row].is_some()).collect();
        let places: Vec<usize> = places.into_iter().flatten().collect();
        let known = (known.len() < rows.len()).then(|| known.into());
        Self { rows: rows.len(), known, targets: Arc::new(self.targets.select(&places)) }
    }

    /// The rows of both, those of `other` below.
    ///
    /// # Panics
    /// If they are of two kinds: the sets of a domain agree.
    pub fn joined(&self, other: &Self) -> Self {
        let below = other.known().into_iter().map(|row| row + self.rows);
        let known: Vec<usize> = self.known().into_iter().chain(below).collect();
        let mut targets = match (self.known_rows(), other.known_rows()) {
            (0, _) => {
                return Self {
                    rows: self.rows + other.rows,
                    known: (self.rows > 0 || !other.is_complete()).then(|| known.into()),
                    targets: Arc::clone(&other.targets),
                };
            }
            _ => (*self.targets).clone(),
        };
        if other.known_rows() > 0 {
            targets.append((*other.targets).clone());
        }
        let rows = self.rows + other.rows;
        let known = (known.len() < rows).then(|| known.into());
        Self { rows, known, targets: Arc::new(targets) }
    }

    /// The same rows with other numbers for their classes or symbols.
    pub fn map_classes(&self, class: impl Fn(u32) -> u32) -> Self {
        let map = |numbers: &Vec<u32>| numbers.iter().map(|&it| class(it)).collect();
        let targets = match &*self.targets {
            Targets::Classes(classes) => Arc::new(Targets::Classes(map(classes))),
            Targets::Sequences(sequences) => {
                Arc::new(Targets::Sequences(sequences.iter().map(map).collect()))
            }
            Targets::Labels(_) | Targets::Values(_) => Arc::clone(&self.targets),
        };
        Self { targets, ..self.clone() }
    }

    /// A number for each row, by which a set can be split into parts that are alike: its class;
    /// rows without one have a number of their own.
    pub fn strata(&self) -> Vec<u32> {
        let classes = self.classes();
        let beyond = classes.iter().flatten().max().map_or(0, |&last| last + 1);
        classes.into_iter().map(|class| class.unwrap_or(beyond)).collect()
    }

    /// The place of a row among the known ones.
    fn place(&self, row: usize) -> Option<usize> {
        match &self.known {
            None => (row < self.rows).then_some(row),
            Some(known) => known.binary_search(&row).ok(),
        }
    }
}

impl From<Vec<u32>> for RowTargets {
    fn from(classes: Vec<u32>) -> Self {
        Self::all(Targets::Classes(classes))
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
    fn rows_without_a_target_keep_their_place() {
        let some = RowTargets::of_classes(&[Some(3), None, Some(5)]);
        assert_eq!((some.rows(), some.known_rows(), some.known()), (3, 2, vec![0, 2]));
        assert_eq!(some.of(&[2, 0]), Some(Targets::Classes(vec![5, 3])));
        assert_eq!(some.of(&[1]), None);
        assert_eq!(some.select(&[1, 2]).classes(), [None, Some(5)]);
        assert!(some.select(&[2, 0]).is_complete());
        assert_eq!(some.strata(), [3, 6, 5]);
        assert_eq!(some.map_classes(|class| class + 1).classes(), [Some(4), None, Some(6)]);
    }

    #[test]
    fn sets_are_joined_whatever_they_lack() {
        let sets = [
            RowTargets::from(vec![1, 2]),
            RowTargets::none(2),
            RowTargets::of_classes(&[None, Some(7)]),
            RowTargets::none(0),
        ];
        for first in &sets {
            for second in &sets {
                let joined = first.joined(second);
                let want = [first.classes(), second.classes()].concat();
                assert_eq!(joined.classes(), want);
                assert_eq!(joined.is_complete(), want.iter().all(Option::is_some), "{want:?}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "numbers cannot be joined to classes")]
    fn targets_of_two_kinds_are_not_joined() {
        Targets::Classes(vec![1]).append(Targets::Values(Matrix::new(1, 1, vec![0.0])));
    }
}
