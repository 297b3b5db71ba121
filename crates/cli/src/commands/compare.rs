//! `isthmus compare`.

use isthmus_results::{
    Baseline, CompareOptions, Comparison, Destination, Format, TerminalOptions, compare, runs_csv,
    write_bytes, write_text,
};

use super::answer;
use crate::args::{CompareArguments, OutputArguments};
use crate::failure::Failure;
use crate::page::Page;

/// Compares finished runs; shows a table unless a form of output was asked for.
pub fn execute(arguments: &CompareArguments, output: OutputArguments) -> Result<(), Failure> {
    let test = arguments.test;
    let options = CompareOptions {
        paths: arguments.paths.clone(),
        metric: arguments.metric.clone(),
        rows: arguments.rows.clone(),
        columns: arguments.columns.clone(),
        selections: arguments.selections(),
        filters: arguments.filters.clone(),
        rounds: arguments.rounds.into(),
        spread: arguments.spread.into(),
        baseline: arguments.baseline.clone().map(|method| Baseline { method, test }),
    };
    let comparison = compare(&options).map_err(|error| Failure::input(error.to_string()))?;
    if !output.quiet {
        for warning in &comparison.warnings {
            eprintln!("warning: {warning}");
        }
    }
    let mut written = false;
    if let Some(destination) = &arguments.runs_csv {
        let text = runs_csv(&options).map_err(|error| Failure::input(error.to_string()))?;
        write_text(&Destination::from(destination.as_str()), &text)
            .map_err(|error| Failure::input(error.to_string()))?;
        written = true;
    }
    written |= write_forms(
        [
            (Format::Csv, &arguments.csv),
            (Format::Markdown, &arguments.markdown),
            (Format::Latex, &arguments.latex),
        ],
        |format| comparison.render(format),
    )?;
    if let Some(path) = &arguments.parquet {
        let bytes = comparison
            .parquet()
            .map_err(|error| Failure::Work(format!("cannot write {}: {error}", path.display())))?;
        write_bytes(&Destination::File(path.clone()), &bytes)
            .map_err(|error| Failure::input(error.to_string()))?;
        written = true;
    }
    if written { Ok(()) } else { answer(&on_terminal(&comparison)) }
}

/// Writes the forms of output that were asked for; whether there was any.
pub(super) fn write_forms<const N: usize>(
    asked: [(Format, &Option<String>); N],
    render: impl Fn(Format) -> String,
) -> Result<bool, Failure> {
    let mut written = false;
    for (format, destination) in asked {
        if let Some(destination) = destination {
            let destination = Destination::from(destination.as_str());
            write_text(&destination, &render(format))
                .map_err(|error| Failure::input(error.to_string()))?;
            written = true;
        }
    }
    Ok(written)
}

/// The table as standard output shows it.
pub fn on_terminal(comparison: &Comparison) -> String {
    comparison.render(terminal())
}

/// The form that standard output asks for.
pub(super) fn terminal() -> Format {
    let page = Page::of_answers();
    let width = page.breaks.then(|| u16::try_from(page.width).unwrap_or(u16::MAX));
    Format::Terminal(TerminalOptions { width, styled: page.styled })
}
