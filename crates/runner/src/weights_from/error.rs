//! Why the weights of a record cannot be taken.

use std::path::PathBuf;

use isthmus_engine::EngineError;
use isthmus_results::RecordError;
use thiserror::Error;

/// Why an extractor cannot begin with the weights of a record.
#[derive(Debug, Error)]
pub enum WeightsFromError {
    /// The folder is not there.
    #[error("there is no folder {}", .0.display())]
    NoFolder(PathBuf),
    /// No run has finished there.
    #[error("{} holds no finished record{}", folder.display(), lines(found))]
    NoRecord {
        /// The folder.
        folder: PathBuf,
        /// What is there instead.
        found: Vec<String>,
    },
    /// Several runs have finished there.
    #[error("{} holds {} finished records, expected one:{}", folder.display(), runs.len(), lines(runs))]
    Several {
        /// The folder.
        folder: PathBuf,
        /// The runs: folder and what they are.
        runs: Vec<String>,
    },
    /// The record cannot be read.
    #[error(transparent)]
    Record(#[from] Box<RecordError>),
    /// The record was made by a version that did not say what its model takes.
    #[error("{} does not say what its model takes: an earlier version of isthmus made it", .0.display())]
    Earlier(PathBuf),
    /// The record has no such model.
    #[error("{} holds no model that `{choice}` chose; it holds {}", folder.display(), list(there))]
    NoChoice {
        /// The record.
        folder: PathBuf,
        /// What was asked for.
        choice: String,
        /// What there is.
        there: Vec<String>,
    },
    /// Its extractor is another one.
    #[error("the run in {} had the extractor `{found}`, this one is `{expected}`", folder.display())]
    Plugin {
        /// The record.
        folder: PathBuf,
        /// Its extractor.
        found: String,
        /// The experiment's.
        expected: String,
    },
    /// Its extractor has another configuration.
    #[error(
        "the run in {} had an extractor with `{found}`, this one has `{expected}`",
        folder.display()
    )]
    Configuration {
        /// The record.
        folder: PathBuf,
        /// The field with the record's value.
        found: String,
        /// The field with the experiment's value.
        expected: String,
    },
    /// Its extractor was not trained.
    #[error(
        "the extractor of the run in {} was frozen, so that its record has none of its tensors",
        folder.display()
    )]
    Frozen {
        /// The record.
        folder: PathBuf,
        /// Where that run had its weights from, if it was another record.
        from: Option<String>,
    },
    /// A tensor is not the one that is needed.
    #[error(
        "tensor `{tensor}` {} {}, the extractor {}",
        found.as_ref().map_or("is not in".to_owned(), |shape| format!("has shape {shape:?} in")),
        folder.display(),
        expected.as_ref().map_or("has none".to_owned(), |shape| format!("needs {shape:?}"))
    )]
    Tensor {
        /// The record.
        folder: PathBuf,
        /// Its path in the extractor.
        tensor: String,
        /// Its shape in the record, if it is there.
        found: Option<Vec<usize>>,
        /// The shape that the extractor has, if it has such a tensor.
        expected: Option<Vec<usize>>,
    },
    /// The record leaves out what a file of pretrained weights has, and that file is another one.
    #[error(
        "{} leaves out tensors of pretrained weights with the checksum {expected}; found is {found}",
        folder.display()
    )]
    Pretrained {
        /// The record.
        folder: PathBuf,
        /// Checksum of the file that its run began with.
        expected: String,
        /// Checksum of the file that is there.
        found: String,
    },
    /// The record is not the one that a run began with.
    #[error(
        "the run began with extractor tensors of the hash {expected}; those in {} have {found}",
        folder.display()
    )]
    Changed {
        /// The record.
        folder: PathBuf,
        /// The hash that the run recorded.
        expected: String,
        /// The hash now.
        found: String,
    },
    /// The record that a run began with is nowhere.
    #[error(
        "the run began with the extractor of run {run} of `{experiment}` (hash {sha256}), which was \
         not found; searched:{}",
        lines(searched)
    )]
    Gone {
        /// The other run's experiment.
        experiment: String,
        /// Its id.
        run: String,
        /// The hash of its extractor's tensors.
        sha256: String,
        /// Where it was looked for.
        searched: Vec<String>,
    },
    /// An extractor could not be built.
    #[error(transparent)]
    Build(#[from] Box<EngineError>),
}

impl WeightsFromError {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        let text = match self {
            Self::NoFolder(_) => {
                "the path is relative to the current folder; run the experiment that trains the \
                 extractor first, and name the folder that it says its records are in"
                    .to_owned()
            }
            Self::NoRecord { .. } => {
                "run the experiment that trains the extractor to its end first; `isthmus status` \
                 says how far it is"
                    .to_owned()
            }
            Self::Several { .. } => "name one of them".to_owned(),
            Self::Earlier(_) => "run that experiment again".to_owned(),
            Self::NoChoice { .. } => {
                "`weights_choice` is `last` or one of that run's validators".to_owned()
            }
            Self::Plugin { .. } | Self::Configuration { .. } => {
                "write the same extractor with the same fields as that run had; `weights` alone may \
                 differ"
                    .to_owned()
            }
            Self::Frozen { from: Some(record), .. } => {
                format!("name the record that it took its weights from, `{record}`")
            }
            Self::Frozen { from: None, .. } => {
                "name the weights that it began with in the extractor's own fields, or train the \
                 extractor in that run: `frozen = false`"
                    .to_owned()
            }
            Self::Tensor { .. } => {
                "samples must have the shape that they had in that run, and norm layers keep \
                 statistics for each source: tasks need as many sources as that run's"
                    .to_owned()
            }
            Self::Pretrained { .. } => {
                "put the file that that run began with in its place; `isthmus weights` fetches \
                 published ones"
                    .to_owned()
            }
            Self::Changed { .. } | Self::Gone { .. } => {
                "put the record of that run back, in the folder of results that this run is in"
                    .to_owned()
            }
            Self::Record(_) | Self::Build(_) => return None,
        };
        Some(text)
    }

    /// The key of the experiment file that is at fault.
    pub fn key(&self) -> &'static str {
        match self {
            Self::NoChoice { .. } => "extractor.weights_choice",
            _ => "extractor.weights_from",
        }
    }

    /// Whether the record may only not be there yet.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::NoFolder(_) | Self::NoRecord { .. })
    }
}

fn lines(all: &[String]) -> String {
    const SHOWN: usize = 8;
    let mut text: String = all.iter().take(SHOWN).map(|line| format!("\n  {line}")).collect();
    if all.len() > SHOWN {
        text.push_str(&format!("\n  and {} more", all.len() - SHOWN));
    }
    text
}

fn list(all: &[String]) -> String {
    match all {
        [] => "none".to_owned(),
        all => all.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}
