//! `isthmus schema`.

use std::path::Path;

use isthmus_experiment::json_schema;
use isthmus_results::{Destination, write_text};

use super::answer;
use crate::failure::Failure;

/// Writes the schema to a file or to standard output.
pub fn execute(output: Option<&Path>) -> Result<(), Failure> {
    let text = format!("{:#}\n", json_schema());
    match output {
        None => answer(&text),
        Some(file) => write_text(&Destination::File(file.to_owned()), &text)
            .map_err(|error| Failure::input(error.to_string())),
    }
}
