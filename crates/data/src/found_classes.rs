//! What the files of a set say of its classes.

use std::collections::BTreeMap;

use isthmus_core::dataset::SampleOutline;
use isthmus_core::targets::{TargetKind, Targets};
use serde::{Deserialize, Serialize};

use crate::problem;

/// What the files of a set say of its classes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FoundClasses {
    /// Names in label order, where the files tell them.
    pub names: Option<Vec<String>>,
    /// The number of the first class in the files.
    pub first_label: i64,
    /// Number of samples by label.
    pub counts: BTreeMap<u32, usize>,
    /// What was taken for classes.
    pub remark: Option<String>,
    /// What the targets are.
    #[serde(default)]
    pub kind: TargetKind,
    /// Number of columns of targets that are sets of classes or numbers.
    #[serde(default)]
    pub columns: usize,
}

/// A set of samples and its classes.
#[derive(Clone, Copy)]
pub(crate) struct ClassesOf<'a> {
    /// The domain.
    pub domain: &'a str,
    /// What was found.
    pub found: &'a FoundClasses,
}

impl FoundClasses {
    /// Those of a set.
    pub fn of(outline: &SampleOutline) -> Self {
        let mut counts = BTreeMap::new();
        let mut count = |label: u32| *counts.entry(label).or_insert(0) += 1;
        let mut columns = 0;
        match outline.targets.targets() {
            Targets::Classes(classes) => classes.iter().copied().for_each(&mut count),
            Targets::Sequences(all) => all.iter().flatten().copied().for_each(&mut count),
            Targets::Labels(matrix) | Targets::Values(matrix) => columns = matrix.columns(),
        }
        Self {
            names: outline.class_names.clone(),
            first_label: outline.first_label,
            counts,
            remark: outline.class_remark.clone(),
            kind: outline.targets.targets().kind(),
            columns,
        }
    }

    /// Whether no sample has a label.
    pub fn is_unlabelled(&self) -> bool {
        self.names.is_none() && self.counts.is_empty() && self.columns == 0
    }

    /// One more than the largest label.
    pub fn count(&self) -> u64 {
        self.counts.last_key_value().map_or(0, |(&last, _)| u64::from(last) + 1)
    }

    /// The number that stands for a label in the files.
    pub fn number(&self, label: u32) -> i64 {
        i64::from(label).saturating_add(self.first_label)
    }

    /// The labels as numbers of the files, the first ones.
    pub fn numbers(&self) -> String {
        problem::some_of(self.counts.keys().map(|&label| self.number(label).to_string()))
    }
}
