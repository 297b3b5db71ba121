//! Errors of records and tables.

use std::path::{Path, PathBuf};

use polars::error::PolarsError;
use thiserror::Error;

/// A record or an output file could not be written or read.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The operating system refused: no space, no right, no such folder.
    #[error("{action} {}: {source}", file.display())]
    Io {
        /// What was tried, e.g. `cannot write`.
        action: &'static str,
        /// The file or folder.
        file: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The experiment's name cannot be the name of a folder.
    #[error(
        "experiment name `{0}` cannot name a folder of results: it must be one plain file name, \
         without `/`, and neither empty nor `.` or `..`"
    )]
    ExperimentName(String),
    /// Another process is writing the same record.
    #[error("another process is writing {}", .0.display())]
    InUse(PathBuf),
    /// A metric's name cannot be written as a column of plain text.
    #[error(
        "metric name `{0}` must not be empty nor hold a comma, a quotation mark or a control \
         character"
    )]
    MetricName(String),
    /// Something was to be added to a record that is finished.
    #[error("record {} is finished; nothing can be added", .0.display())]
    Finished(PathBuf),
    /// The model cannot be stored in the record's format.
    #[error("cannot write {}: {problem}", file.display())]
    Model {
        /// The checkpoint.
        file: PathBuf,
        /// What is wrong with the tensors.
        problem: String,
    },
    /// The run that wrote the record did not reach its end.
    #[error("{} is unfinished: {reason}", directory.display())]
    Unfinished {
        /// The record.
        directory: PathBuf,
        /// The cause that the run recorded, or what is missing.
        reason: String,
    },
    /// A file of the record is not what was written.
    #[error("{} is damaged: {reason}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong, with the line where there is one.
        reason: String,
    },
    /// The record is of a newer isthmus.
    #[error("{} has format {found}; this isthmus reads formats up to {newest}", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known here.
        newest: u32,
    },
    /// A path given by the user is not part of a record and holds none.
    #[error("{} is not a folder of results nor a file of a record", .0.display())]
    NotARecord(PathBuf),
}

impl RecordError {
    /// A closure for `map_err` that names the action and the file.
    pub(crate) fn io(action: &'static str, file: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io { action, file, source }
    }

    pub(crate) fn damaged(file: &Path, reason: impl ToString) -> Self {
        Self::Damaged { file: file.to_owned(), reason: reason.to_string() }
    }
}

/// A comparison could not be made.
#[derive(Debug, Error)]
pub enum CompareError {
    /// A record or an output file failed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The paths hold no finished record.
    #[error("no finished record under {}{}", places(paths), skipped(warnings))]
    NoRecords {
        /// The paths searched.
        paths: Vec<PathBuf>,
        /// What was found and could not be used.
        warnings: Vec<String>,
    },
    /// No run has the metric at the end of its last stage.
    #[error(
        "no run has the metric `{metric}` in its last stage{}; there are: {}",
        suggestion.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default(),
        available.join(", ")
    )]
    NoMetric {
        /// The metric asked for.
        metric: String,
        /// The most similar one.
        suggestion: Option<String>,
        /// The metrics of last stages.
        available: Vec<String>,
    },
    /// Rows and columns are the same.
    #[error("rows and columns are both `{0}`")]
    SameDimension(&'static str),
    /// Several methods would be averaged in one cell.
    #[error(
        "a cell would average several methods ({}); make `method` the rows or the columns",
        methods.join(", ")
    )]
    MixedMethods {
        /// The methods.
        methods: Vec<String>,
    },
    /// Two runs claim the same place in the table.
    #[error(
        "{} and {} are runs of the same configuration, task and seed {difference}; name the paths \
         to compare, or delete one of them",
        first.display(),
        second.display()
    )]
    Ambiguous {
        /// One run.
        first: PathBuf,
        /// The other run.
        second: PathBuf,
        /// In what they differ.
        difference: &'static str,
    },
    /// polars failed.
    #[error("cannot compute the table: {0}")]
    Polars(#[from] PolarsError),
}

fn places(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn skipped(warnings: &[String]) -> String {
    warnings.iter().map(|warning| format!("\n  {warning}")).collect()
}
