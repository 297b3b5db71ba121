//! Domains that were read and transformed, before a protocol says what is trained and tested on.

use std::sync::Arc;

use isthmus_core::dataset::LabelledSource;
use isthmus_core::error::DataError;
use isthmus_core::rows_of::RowsOf;

use crate::joined::Joined;

/// One set of samples and what identifies its content.
#[derive(Clone)]
pub struct LoadedSet {
    /// The samples and their classes.
    pub source: LabelledSource,
    /// A hash of the samples, their labels and how they are transformed.
    pub fingerprint: String,
}

/// The sets of a domain.
#[derive(Clone)]
pub enum DomainSets {
    /// One set.
    All(LoadedSet),
    /// The data set's own training and test sets.
    Given {
        /// The training set.
        train: LoadedSet,
        /// The test set.
        test: LoadedSet,
    },
}

/// One domain, read and transformed, before a protocol says what is trained and tested on.
#[derive(Clone)]
pub struct LoadedDomain {
    /// Its name.
    pub name: String,
    /// The data set's domain whose samples these are, or were before they were corrupted.
    pub origin: String,
    /// Its samples.
    pub sets: DomainSets,
}

/// What a domain is in a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainUse {
    /// A source, whose labels may decide anything.
    Source,
    /// The target, whose labels decide nothing.
    Target,
}

impl LoadedDomain {
    /// Its sets: one, or the training and the test set.
    pub fn sets(&self) -> Vec<&LoadedSet> {
        match &self.sets {
            DomainSets::All(set) => vec![set],
            DomainSets::Given { train, test } => vec![train, test],
        }
    }

    /// All its samples: its training and test sets are joined.
    ///
    /// # Errors
    /// If these differ in shape.
    pub fn all(&self) -> Result<LabelledSource, DataError> {
        Ok(match &self.sets {
            DomainSets::All(set) => set.source.clone(),
            DomainSets::Given { train, test } => {
                let (train, test) = (&train.source, &test.source);
                let samples = Joined::new(Arc::clone(&train.samples), Arc::clone(&test.samples))?;
                let targets = train.targets.joined(&test.targets);
                LabelledSource { samples: Arc::new(samples), targets }
            }
        })
    }
}

/// Some rows of a set.
pub(crate) fn rows_of(source: &LabelledSource, rows: Vec<usize>) -> LabelledSource {
    let targets = source.targets.select(&rows);
    let samples = Arc::new(RowsOf::new(Arc::clone(&source.samples), rows));
    LabelledSource { samples, targets }
}
