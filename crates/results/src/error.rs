//! Errors of records and tables.

use std::path::{Path, PathBuf};

use polars_core::error::PolarsError;
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
         without `/`, of at most 200 bytes, and neither empty nor `.` or `..`"
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
    #[error("{} is neither a folder of results nor a file of a record", .0.display())]
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
    SameDimension(String),
    /// Rows or columns are domains of streams, and no run has a stream.
    #[error(
        "no run has a stream of several domains, so there is no `{0}`; `data.streams` in an \
         experiment file makes one"
    )]
    NoStreams(String),
    /// No run has the metric of each domain of its stream.
    #[error("no run has `{0}` of each domain of its stream; it is recorded of the whole")]
    NoShiftValues(String),
    /// Rows or columns are something that no run has.
    #[error(
        "no run has a setting `{name}`{}; rows and columns can be: {}",
        meant(suggestion.as_ref()),
        available.join(", ")
    )]
    UnknownDimension {
        /// What was asked for.
        name: String,
        /// The most similar one.
        suggestion: Option<String>,
        /// What rows and columns can be.
        available: Vec<String>,
    },
    /// Several methods would be averaged in one cell.
    #[error(
        "a cell would average several methods ({}); make `method` the rows or the columns",
        methods.join(", ")
    )]
    MixedMethods {
        /// The methods.
        methods: Vec<String>,
    },
    /// A validator was asked for that no run was scored with.
    #[error(
        "no run has scores of the validator `{validator}` in its last stage{}; {}",
        meant(suggestion.as_ref()),
        scored(available)
    )]
    NoScores {
        /// The validator asked for.
        validator: String,
        /// The most similar one.
        suggestion: Option<String>,
        /// The validators with scores.
        available: Vec<String>,
    },
    /// There are no validators to judge.
    #[error(
        "no run has a validator's score in its last stage: name validators under `[selection]` in \
         the experiment file and run it"
    )]
    NoValidators,
    /// It is not known whether high or low values of the metric are good.
    #[error(
        "the records do not say whether high or low values of `{0}` are good; use a metric of the \
         target or of a source, such as `target_accuracy`, or one below `theory/`"
    )]
    NoDirection(String),
    /// The runs have no target labels to compare by.
    #[error(
        "no target labels, so no `{metric}` in any of {runs}: validators cannot be judged; \
         `isthmus compare` shows their scores"
    )]
    NoTargetLabels {
        /// The metric asked for.
        metric: String,
        /// How many runs there are.
        runs: String,
    },
    /// No choice is left to be shown.
    #[error("nothing to compare: no checkpoint of any run has a value to choose by")]
    NothingCompared,
    /// Runs of one sweep differ in more than the sweep's settings.
    #[error(
        "{} and {} have the same settings of a sweep, but different configurations: nothing can \
         be chosen among runs of different experiments; name the paths of one sweep",
        first.display(),
        second.display()
    )]
    MixedSweep {
        /// One run.
        first: PathBuf,
        /// The other run.
        second: PathBuf,
    },
    /// A filter's key is nothing that runs have.
    #[error("no run has anything called `{key}`; runs can be filtered by {}", keys.join(", "))]
    FilterKey {
        /// The key.
        key: String,
        /// The keys there are.
        keys: Vec<String>,
    },
    /// A filter's value is that of no run.
    #[error("no run has the {key} `{value}`; there are: {}", values.join(", "))]
    FilterValue {
        /// The key.
        key: String,
        /// The value asked for.
        value: String,
        /// The values there are.
        values: Vec<String>,
    },
    /// Every filter admits some run, but no run meets all of them.
    #[error("no run meets all filters: {}; leave one out", filters.join(", "))]
    NothingAdmitted {
        /// The filters.
        filters: Vec<String>,
    },
    /// The baseline is no row.
    #[error("no row is called `{baseline}`, the baseline; the rows are: {}", methods.join(", "))]
    NoBaseline {
        /// The name asked for.
        baseline: String,
        /// The names of the rows.
        methods: Vec<String>,
    },
    /// Differences are those of methods.
    #[error("a baseline needs methods as rows, and the rows are `{0}`; leave out `--rows`")]
    BaselineRows(String),
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

/// A page of results could not be made.
#[derive(Debug, Error)]
pub enum PageError {
    /// The page's file could not be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The page's file is not what it must be.
    #[error("{}: {problem}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// Line, what was found, and what was expected.
        problem: String,
    },
    /// A table could not be made of its records.
    #[error("table `{heading}`: {source}")]
    Table {
        /// The table's heading.
        heading: String,
        /// The cause.
        source: CompareError,
    },
    /// Methods are worse than the baseline, and the page does not say why.
    #[error(
        "table `{heading}`: below `{baseline}` without a reason: {}; say why in a sentence each, \
         under `[tables.reasons]` of {}",
        methods.join(", "),
        file.display()
    )]
    NoReason {
        /// The table's heading.
        heading: String,
        /// The baseline.
        baseline: String,
        /// Labels of the methods, and how much they lose.
        methods: Vec<String>,
        /// The page's file.
        file: PathBuf,
    },
    /// The page explains why methods are worse that are not, or are not in the table.
    #[error(
        "table `{heading}`: `[tables.reasons]` of {} names what is not below `{baseline}`: {}; \
         take these lines out",
        file.display(),
        methods.join(", ")
    )]
    NeedlessReason {
        /// The table's heading.
        heading: String,
        /// The baseline.
        baseline: String,
        /// The names.
        methods: Vec<String>,
        /// The page's file.
        file: PathBuf,
    },
}

fn meant(suggestion: Option<&String>) -> String {
    suggestion.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

fn scored(available: &[String]) -> String {
    if available.is_empty() {
        "no validator scored them: `[selection]` in an experiment file names validators".to_owned()
    } else {
        format!("there are: {}", available.join(", "))
    }
}

fn places(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn skipped(warnings: &[String]) -> String {
    warnings.iter().map(|warning| format!("\n  {warning}")).collect()
}
