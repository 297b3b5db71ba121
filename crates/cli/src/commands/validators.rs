//! `isthmus validators`.

use isthmus_results::{Format, ValidatorOptions, judge_validators};

use super::answer;
use super::compare::{terminal, write_forms};
use crate::args::{OutputArguments, ValidatorsArguments};
use crate::failure::Failure;

/// Judges the validators that scored finished runs; shows tables unless a form of output was
/// asked for.
pub fn execute(arguments: &ValidatorsArguments, output: OutputArguments) -> Result<(), Failure> {
    let options = ValidatorOptions {
        paths: arguments.paths.clone(),
        metric: arguments.metric.clone(),
        filters: arguments.filters.clone(),
        rounds: arguments.rounds.into(),
    };
    let tables = judge_validators(&options).map_err(|error| Failure::input(error.to_string()))?;
    if !output.quiet {
        for warning in &tables.warnings {
            eprintln!("warning: {warning}");
        }
    }
    let written = write_forms(
        [
            (Format::Csv, &arguments.csv),
            (Format::Markdown, &arguments.markdown),
            (Format::Latex, &arguments.latex),
        ],
        |format| tables.render(format),
    )?;
    if written { Ok(()) } else { answer(&tables.render(terminal())) }
}
