//! Compares runs: means and standard deviations over seeds, one table a data set.

mod configurations;
mod dimension;
mod runs;
mod statistics;
mod tables;

use std::path::PathBuf;

pub use dimension::{Dimension, Label};
pub use statistics::Summary;

use crate::error::CompareError;
use crate::record::RecordWarning;
use crate::table::Runs;

/// What to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompareOptions {
    /// Folders of results or files of records.
    pub paths: Vec<PathBuf>,
    /// The metric; its value at the last step of each run's last stage is compared.
    pub metric: String,
    /// What the rows are.
    pub rows: Dimension,
    /// What the columns are.
    pub columns: Dimension,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            paths: vec![PathBuf::from("results")],
            metric: "target_accuracy".to_owned(),
            rows: Dimension::Method,
            columns: Dimension::Task,
        }
    }
}

/// The answer: tables, and what a reader must know of them.
#[derive(Debug)]
pub struct Comparison {
    /// The metric.
    pub metric: String,
    /// What the rows are.
    pub rows: Dimension,
    /// What the columns are.
    pub columns: Dimension,
    /// One table a data set; one table where the data set is a row or a column.
    pub tables: Vec<Table>,
    /// Sentences that belong below the tables.
    pub notes: Vec<String>,
    /// Records that were left out, and why.
    pub warnings: Vec<RecordWarning>,
}

/// Means and standard deviations on one data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The data set; `None` where it is a row or a column.
    pub dataset: Option<String>,
    /// The columns.
    pub columns: Vec<Label>,
    /// The rows; upper bounds last.
    pub rows: Vec<Row>,
    /// Whether the rows end in an average over the columns.
    pub has_average: bool,
}

/// One row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is.
    pub label: Label,
    /// One cell a column; `None` where there is no run.
    pub cells: Vec<Option<Summary>>,
    /// For each seed the mean over the columns, then mean and standard deviation over seeds;
    /// `None` where a cell is missing or no seed has all of them.
    pub average: Option<Summary>,
}

/// Reads the records below the paths and compares them.
///
/// # Errors
/// If no finished record is found, none has the metric, or runs would be averaged that are not
/// the same thing.
pub fn compare(options: &CompareOptions) -> Result<Comparison, CompareError> {
    let runs = Runs::load(&options.paths)?;
    compare_runs(runs, options)
}

/// Compares runs that were read before.
///
/// # Errors
/// As [`compare`].
pub fn compare_runs(runs: Runs, options: &CompareOptions) -> Result<Comparison, CompareError> {
    if options.rows == options.columns {
        return Err(CompareError::SameDimension(options.rows.name()));
    }
    if runs.runs.is_empty() {
        return Err(CompareError::NoRecords {
            paths: options.paths.clone(),
            warnings: runs.warnings.iter().map(ToString::to_string).collect(),
        });
    }
    let mut notes = Vec::new();
    let chosen = runs::choose(&runs, options, &mut notes)?;
    let labels = configurations::method_labels(&chosen, options, &mut notes)?;
    let tables = tables::build(&chosen, &labels, options, &mut notes)?;
    Ok(Comparison {
        metric: options.metric.clone(),
        rows: options.rows,
        columns: options.columns,
        tables,
        notes,
        warnings: runs.warnings,
    })
}
