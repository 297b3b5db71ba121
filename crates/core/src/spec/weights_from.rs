//! Weights that are taken from the record of another run.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The choice of a record's last model.
pub const LAST: &str = "last";

/// A domain whose labels were trained on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LabelledDomain {
    /// Name of the data set.
    pub dataset: String,
    /// Name of the domain.
    pub domain: String,
}

/// Weights of an extractor that the record of another run has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsFrom {
    /// Folder of the record, or one with a single finished record below it, as the experiment file
    /// states it: relative to the current folder.
    pub record: String,
    /// Which of the record's models: [`LAST`], or the validator that chose it.
    pub choice: String,
    /// SHA-256 of the extractor's tensors; absent until the record was read. It alone identifies a
    /// run: the record may be moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Domains whose labels the weights were trained on, directly or through weights that they were
    /// made of; none until the record was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labelled: Vec<LabelledDomain>,
    /// Where the record is, if it is no longer where the file says.
    #[serde(skip)]
    pub found_at: Option<PathBuf>,
}

impl WeightsFrom {
    /// A model of the record in a folder.
    pub fn new(record: impl Into<String>, choice: impl Into<String>) -> Self {
        Self {
            record: record.into(),
            choice: choice.into(),
            sha256: None,
            labelled: Vec::new(),
            found_at: None,
        }
    }

    /// The folder of the record.
    pub fn folder(&self) -> &Path {
        self.found_at.as_deref().unwrap_or(Path::new(&self.record))
    }

    /// What identifies the weights, wherever they were found.
    pub(super) fn without_place(&self) -> Self {
        Self { sha256: self.sha256.clone(), ..Self::new("", "") }
    }
}
