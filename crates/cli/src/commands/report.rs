//! `isthmus report`.

use isthmus_report::{PlotOptions, Results, report};
use isthmus_results::{Destination, write_text};

use crate::args::ReportArguments;
use crate::args::{OutputArguments, RoundsArgument};
use crate::failure::Failure;

/// Writes the page, and says where it is.
pub fn execute(arguments: &ReportArguments, output: OutputArguments) -> Result<(), Failure> {
    let results = load(&arguments.paths, arguments.rounds, output)?;
    let options = PlotOptions {
        metric: arguments.metric.clone(),
        embedding: arguments.embedding,
        ..PlotOptions::default()
    };
    let page = report(&results, &options).map_err(|error| Failure::input(error.to_string()))?;
    let destination = Destination::from(arguments.output.as_str());
    write_text(&destination, &page).map_err(|error| Failure::input(error.to_string()))?;
    if !output.quiet && destination != Destination::StandardOutput {
        let runs = results.runs.len();
        let noun = if runs == 1 { "run" } else { "runs" };
        eprintln!("{runs} {noun} in {}", arguments.output);
    }
    Ok(())
}

/// The results below some paths; what was left out is said on standard error.
pub(super) fn load(
    paths: &[std::path::PathBuf],
    rounds: RoundsArgument,
    output: OutputArguments,
) -> Result<Results, Failure> {
    let results =
        Results::load(paths, rounds.into()).map_err(|error| Failure::input(error.to_string()))?;
    if !output.quiet {
        for warning in &results.warnings {
            eprintln!("warning: {warning}");
        }
        if let Some(note) = &results.rounds_note {
            eprintln!("note: {note}");
        }
    }
    Ok(results)
}
