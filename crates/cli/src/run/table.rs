//! The table at the end of a run.

use std::path::PathBuf;

use isthmus_results::{CompareOptions, Dimension, compare};

use crate::commands;
use crate::failure::Failure;

/// The metric of the table: the last iterate's accuracy on the target's test set.
const METRIC: &str = "target_accuracy";

/// The table of the records in `directories`, methods by tasks.
///
/// # Errors
/// If the records cannot be read.
pub fn text(directories: Vec<PathBuf>) -> Result<String, Failure> {
    let options = CompareOptions {
        paths: directories,
        metric: METRIC.to_owned(),
        rows: Dimension::Method,
        columns: Dimension::Task,
        ..CompareOptions::default()
    };
    let comparison = compare(&options).map_err(|error| Failure::Work(error.to_string()))?;
    Ok(commands::compare::on_terminal(&comparison))
}
