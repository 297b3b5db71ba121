//! Errors of reports and figures.

use std::path::PathBuf;

use isthmus_results::RecordError;
use thiserror::Error;

/// A report or a figure could not be made.
#[derive(Debug, Error)]
pub enum ReportError {
    /// A record failed.
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
    /// A filter names what no record has.
    #[error("no run has the {what} `{name}`; there are: {}", available.join(", "))]
    Unknown {
        /// What was asked for: a method, a task, a metric.
        what: &'static str,
        /// Its name.
        name: String,
        /// The names there are.
        available: Vec<String>,
    },
    /// Each filter matches some runs, but no run matches all of them.
    #[error("no run has both a method and a task of those asked for")]
    NothingSelected,
    /// The records lack what the figure shows.
    #[error("{0}")]
    Missing(String),
    /// The kept features of a record do not fit together.
    #[error("{} cannot be drawn: {problem}", record.display())]
    Outputs {
        /// The record.
        record: PathBuf,
        /// What is wrong with its tensors.
        problem: String,
    },
    /// The chart could not be laid out.
    #[error("cannot draw the chart: {0}")]
    Drawing(String),
    /// The figure could not be turned into pixels.
    #[error("cannot turn the figure into a PNG image: {0}")]
    Png(String),
}

impl ReportError {
    /// For `map_err` on what plotters returns.
    pub(crate) fn drawing(error: impl ToString) -> Self {
        Self::Drawing(error.to_string())
    }
}

fn places(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn skipped(warnings: &[String]) -> String {
    warnings.iter().map(|warning| format!("\n  {warning}")).collect()
}
