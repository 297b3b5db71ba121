//! `isthmus compare`.

use isthmus_results::{
    CompareOptions, Comparison, Destination, Format, TerminalOptions, compare, write_text,
};

use super::answer;
use crate::args::{CompareArguments, OutputArguments};
use crate::failure::Failure;
use crate::page::Page;

/// Compares finished runs; shows a table unless a form of output was asked for.
pub fn execute(arguments: &CompareArguments, output: OutputArguments) -> Result<(), Failure> {
    let options = CompareOptions {
        paths: arguments.paths.clone(),
        metric: arguments.metric.clone(),
        rows: arguments.rows,
        columns: arguments.columns,
    };
    let comparison = compare(&options).map_err(|error| Failure::input(error.to_string()))?;
    if !output.quiet {
        for warning in &comparison.warnings {
            eprintln!("warning: {warning}");
        }
    }
    let asked = [
        (Format::Csv, &arguments.csv),
        (Format::Markdown, &arguments.markdown),
        (Format::Latex, &arguments.latex),
    ];
    let mut written = false;
    for (format, destination) in asked {
        if let Some(destination) = destination {
            let destination = Destination::from(destination.as_str());
            write_text(&destination, &comparison.render(format))
                .map_err(|error| Failure::input(error.to_string()))?;
            written = true;
        }
    }
    if written { Ok(()) } else { answer(&on_terminal(&comparison)) }
}

/// The table as standard output shows it.
pub fn on_terminal(comparison: &Comparison) -> String {
    let page = Page::of_answers();
    let width = page.styled.then(|| u16::try_from(page.width).unwrap_or(u16::MAX));
    comparison.render(Format::Terminal(TerminalOptions { width, styled: page.styled }))
}
