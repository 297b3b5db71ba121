//! The labels of samples that are one array, in the same file or in one beside it.

use std::path::{Path, PathBuf};

use isthmus_core::config::FieldProblem;
use isthmus_core::dataset::{LabelledSamples, Samples};
use isthmus_core::error::DataError;
use isthmus_core::targets::{RowTargets, TargetKind};

use crate::arrays::Arrays;
use crate::labels::{ReadTargets, targets};
use crate::readers::RowLimit;

/// What a reader's fields say of labels.
pub(super) struct ArrayLabels<'r> {
    /// What the samples are, in messages.
    pub samples: &'static str,
    /// The file of the samples.
    pub file: &'r str,
    /// Name of the labels' array.
    pub labels: &'r str,
    /// The file of the labels, where `file` holds one array.
    pub labels_file: Option<&'r str>,
    /// Whether there are labels.
    pub labelled: bool,
    /// What they are.
    pub targets: TargetKind,
    /// The label of the first class.
    pub first_label: i64,
    /// Which rows are kept.
    pub rows: Option<&'r RowLimit>,
}

impl ArrayLabels<'_> {
    /// Whether the fields agree.
    pub fn check(&self) -> Result<(), FieldProblem> {
        if self.labelled && self.file.ends_with(".npy") && self.labels_file.is_none() {
            return Err(FieldProblem {
                field: "labels_file".to_owned(),
                message: format!(
                    "`{}` holds one array; name the `.npy` file of the labels, or set \
                     `labelled = false`",
                    self.file
                ),
            });
        }
        RowLimit::check(self.rows)
    }

    /// The files of samples and labels.
    pub fn files(&self) -> Vec<Vec<PathBuf>> {
        let files = [Some(self.file), self.labels_file];
        files.into_iter().flatten().map(|file| vec![PathBuf::from(file)]).collect()
    }

    /// The labels of `rows` samples, which are in `arrays`.
    pub fn read(
        &self,
        folder: &Path,
        arrays: &mut Arrays<'_>,
        rows: usize,
    ) -> Result<ReadTargets, DataError> {
        if !self.labelled {
            return Ok(ReadTargets { targets: RowTargets::none(rows), names: None });
        }
        let array = match self.labels_file {
            Some(file) => Arrays::open(&folder.join(file))?.array(self.labels)?,
            None if arrays.is_single() => {
                return Err(DataError::Mismatch(format!(
                    "`{}` has {} only; name `labels_file`",
                    self.file, self.samples
                )));
            }
            None => arrays.array(self.labels)?,
        };
        targets(&array, self.targets, self.first_label, rows)
    }

    /// The samples with their labels, those rows of them that are kept.
    pub fn labelled(
        &self,
        samples: Samples,
        read: ReadTargets,
        place: &str,
    ) -> Result<LabelledSamples, DataError> {
        let samples = LabelledSamples {
            class_names: read.names,
            first_label: self.first_label,
            ..LabelledSamples::new(samples, read.targets)
        };
        RowLimit::apply(self.rows, place, samples)
    }
}
