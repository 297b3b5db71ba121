//! Descriptors: `datasets/<name>.toml` says what a data set is and how it is read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use isthmus_core::augmentation::SampleKind;
use isthmus_core::error::DataError;
use isthmus_core::registry::{self, Kind, Plugin};
use isthmus_core::spec::PluginSpec;
use isthmus_core::targets::TargetKind;
use serde_json::Value;

use crate::problem;

/// How the samples of a domain are read.
#[derive(Clone, Debug, PartialEq)]
pub enum SetReaders {
    /// One set.
    All(PluginSpec),
    /// The data set's own training and test sets.
    Given {
        /// Reads the training set.
        train: PluginSpec,
        /// Reads the test set.
        test: PluginSpec,
    },
}

impl SetReaders {
    /// Which set one of these readers reads, `train` or `test`, where there are both.
    pub fn part_of(&self, reader: &PluginSpec) -> Option<&'static str> {
        match self {
            Self::All(_) => None,
            Self::Given { train, .. } if std::ptr::eq(train, reader) => Some("train"),
            Self::Given { .. } => Some("test"),
        }
    }

    /// The readers: one, or those of the training and the test set.
    pub fn all(&self) -> Vec<&PluginSpec> {
        match self {
            Self::All(reader) => vec![reader],
            Self::Given { train, test } => vec![train, test],
        }
    }
}

/// One domain of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct DomainDescriptor {
    /// Its name.
    pub name: String,
    /// Its folder below the roots, where it has one of its own.
    pub folder: Option<PathBuf>,
    /// How it is read.
    pub readers: SetReaders,
}

/// What a data set is: where it comes from and how it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Descriptor {
    /// The name that experiments use.
    pub name: String,
    /// Its title, for people.
    pub title: String,
    /// Its licence.
    pub licence: String,
    /// Who to cite.
    pub citation: String,
    /// How to get the files.
    pub how_to_get: String,
    /// The files expected below the data set's folder.
    pub layout: String,
    /// Its folder below the data root.
    pub folder: PathBuf,
    /// Names of the classes in label order, where the files do not tell them.
    pub classes: Option<Vec<String>>,
    /// Its domains.
    pub domains: Vec<DomainDescriptor>,
    /// SHA-256 of files, by their paths relative to their domain's folder.
    pub checksums: BTreeMap<String, String>,
}

impl Descriptor {
    /// What its samples are, where all its readers read the same kind.
    pub fn samples(&self) -> Option<SampleKind> {
        self.agreed(|plugin, config| (plugin.samples)(config).first().copied())
    }

    /// What its samples are to be predicted as, where all its readers agree on it.
    pub fn targets(&self) -> Option<TargetKind> {
        self.agreed(|plugin, config| (plugin.targets)(config))
    }

    /// What all readers say.
    fn agreed<T: PartialEq>(&self, of: impl Fn(&Plugin, &Value) -> Option<T>) -> Option<T> {
        let readers = self.domains.iter().flat_map(|domain| domain.readers.all());
        let mut kinds = readers.map(|reader| {
            let plugin = registry::find(Kind::Reader, &reader.name)?;
            of(plugin, &reader.config)
        });
        let first = kinds.next()??;
        kinds.all(|kind| kind.as_ref() == Some(&first)).then_some(first)
    }

    /// The domain of a name.
    ///
    /// # Errors
    /// If there is none.
    pub fn domain(&self, name: &str) -> Result<&DomainDescriptor, DataError> {
        self.domains.iter().find(|domain| domain.name == name).ok_or_else(|| {
            let known: Vec<_> = self.domains.iter().map(|domain| domain.name.as_str()).collect();
            DataError::Mismatch(format!(
                "data set `{}` has no domain `{name}`{}; it has {}",
                self.name,
                problem::suggestion(name, known.iter().copied()),
                known.join(", "),
            ))
        })
    }
}
