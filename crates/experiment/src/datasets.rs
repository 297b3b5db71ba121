//! What is known of data sets before any of their samples is read.

use std::collections::BTreeMap;

use isthmus_core::augmentation::SampleKind;
use isthmus_core::targets::TargetKind;

/// What the checker knows of a data set before any of it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatasetInfo {
    /// The domains, in the descriptor's order.
    pub domains: Vec<DomainInfo>,
    /// What its samples are, where its readers agree on it.
    pub samples: Option<SampleKind>,
    /// What its samples are to be predicted as, where its readers agree on it.
    pub targets: Option<TargetKind>,
}

/// What the checker knows of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainInfo {
    /// Its name.
    pub name: String,
    /// Whether it has a training and a test set of its own.
    pub has_test_set: bool,
}

/// The data sets that an experiment can name; what is wrong with the descriptor where there is one
/// that cannot be used.
pub type Datasets = BTreeMap<String, Result<DatasetInfo, String>>;
