//! `isthmus check`.

use super::answer;
use crate::args::{FileArguments, OutputArguments};
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;
use crate::page::Page;
use crate::run::all_jobs;

/// Checks a file and says what it would run.
pub fn execute(arguments: &FileArguments, output: OutputArguments) -> Result<(), Failure> {
    let file = ExperimentFile::load(arguments, None)?;
    if output.quiet {
        return Ok(());
    }
    eprint!("{}", file.warnings(&Page::of_errors()));
    let experiment = &file.experiment;
    let runs = all_jobs(file.sweep.as_ref(), experiment).len();
    answer(&format!(
        "{} is right: {} on {} of `{}` with {}, {}\n",
        file.path.display(),
        counted(experiment.methods.len(), "method"),
        counted(experiment.data.tasks.len(), "task"),
        experiment.data.dataset,
        counted(experiment.seeds.len(), "seed"),
        counted(runs, "run"),
    ))
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
