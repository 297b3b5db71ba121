//! The table at the end of a run.

use std::path::PathBuf;

use isthmus_results::{CompareOptions, Dimension, compare};

use crate::commands;
use crate::failure::Failure;

/// The table of the records in `directories`, methods by tasks: the primary metric of the last
/// checkpoint on the target's test set.
///
/// # Errors
/// If the records cannot be read.
pub fn text(directories: Vec<PathBuf>) -> Result<String, Failure> {
    let options = CompareOptions {
        paths: directories,
        rows: Dimension::Method,
        columns: Dimension::Task,
        ..CompareOptions::default()
    };
    let comparison = compare(&options).map_err(|error| Failure::Work(error.to_string()))?;
    Ok(commands::compare::on_terminal(&comparison))
}
