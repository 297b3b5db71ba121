//! `isthmus results`.

use isthmus_results::{Destination, ResultsPage, write_text};

use crate::args::{OutputArguments, ResultsArguments};
use crate::failure::Failure;

/// Makes a page of results from records.
pub fn execute(arguments: &ResultsArguments, output: OutputArguments) -> Result<(), Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::input(error.to_string());
    let page = ResultsPage::read(&arguments.file).map_err(|error| wrong(&error))?;
    let (text, warnings) = page.markdown().map_err(|error| wrong(&error))?;
    if !output.quiet {
        for warning in &warnings {
            eprintln!("warning: {warning}");
        }
    }
    write_text(&Destination::from(arguments.output.as_str()), &text).map_err(|error| wrong(&error))
}
