//! The commands, one file each.

mod adapt;
mod check;
pub mod compare;
mod data;
mod explain;
mod export;
mod list;
mod new_method;
mod plot;
mod predict;
mod reference;
mod report;
mod reproduce;
mod results;
mod schema;
mod shell;
mod validators;
mod weights;

use isthmus_results::{Destination, write_text};

use crate::args::{Arguments, Command};
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;
use crate::page::Page;

/// Executes a command.
pub fn execute(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { command, output } = arguments;
    match command {
        Command::Run(run) => {
            let file = ExperimentFile::load_to_run(&run)?;
            if !output.quiet {
                eprint!("{}", file.warnings(&Page::of_errors()));
            }
            crate::launch::start(&file, &run, output)
        }
        Command::Adapt(adapt) => adapt::execute(&adapt, output),
        Command::Work(run) => {
            let file = ExperimentFile::load(&run.experiment, run.device.as_deref())?;
            crate::run::work(&file, &run, output)
        }
        Command::Status(runs) => crate::launch::status(&runs),
        Command::Cancel(runs) => crate::launch::cancel(&runs),
        Command::Check(file) => check::execute(&file, output),
        Command::Data(data) => data::execute(&data, output),
        Command::List { kind } => answer(&list::text(kind, &Page::of_answers())?),
        Command::Explain(explain) => answer(&explain::text(&explain, &Page::of_answers())?),
        Command::Schema { output } => schema::execute(output.as_deref()),
        Command::Compare(compare) => compare::execute(&compare, output),
        Command::Reproduce(reproduce) => reproduce::execute(&reproduce, output),
        Command::Predict(predict) => predict::execute(&predict, output),
        Command::Export(export) => export::execute(&export, output),
        Command::Report(report) => report::execute(&report, output),
        Command::Plot(plot) => plot::execute(&plot, output),
        Command::Validators(validators) => validators::execute(&validators, output),
        Command::Results(results) => results::execute(&results, output),
        Command::Weights { name } => weights::execute(name.as_deref(), output),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { folder } => shell::manual(&folder),
        Command::NewMethod(method) => new_method::execute(&method),
    }
}

/// Writes a command's answer to standard output.
fn answer(text: &str) -> Result<(), Failure> {
    write_text(&Destination::StandardOutput, text).map_err(|error| Failure::Work(error.to_string()))
}
