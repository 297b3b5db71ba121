//! `isthmus check`.

use isthmus_core::spec::DataSpec;
use isthmus_data::{InspectedSet, Inspection, Roots, check_headers, inspect};
use isthmus_runner::{RunError, all_jobs, settle, with_transform};

use super::answer;
use crate::args::{CheckArguments, OutputArguments};
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;
use crate::page::Page;
use crate::run::Progress;

/// Checks a file and says what it would run. Where its data is there, what headers and labels tell
/// is checked too; with `--data`, every sample.
///
/// # Errors
/// If something is wrong.
pub fn execute(arguments: &CheckArguments, output: OutputArguments) -> Result<(), Failure> {
    let file = ExperimentFile::load(&arguments.experiment, None)?;
    if !output.quiet {
        eprint!("{}", file.warnings(&Page::of_errors()));
    }
    let roots = Roots::discover(Some(&file.path));
    let data = with_transform(file.experiment.clone()).data;
    let (settled, absent) = match settle(file.experiment.clone(), file.sweep.as_ref()) {
        Ok(settled) => (Some(settled), None),
        // As data that is not here, a record may come before the experiment is run.
        Err(error) if error.is_absence() => (None, Some(error)),
        Err(error) => return Err(file.failed(RunError::from(error))),
    };
    if arguments.data {
        return check_samples(&data, &roots, output);
    }
    let told = check_headers(&data, &roots).map_err(|error| file.unfit(error))?;
    if output.quiet {
        return Ok(());
    }
    let of_weights = settled.iter().flat_map(|settled| &settled.warnings);
    for warning in told.iter().flatten().chain(of_weights) {
        eprintln!("warning: {warning}");
    }
    let experiment = &file.experiment;
    // Variants whose records hold the same weights ask for the same runs.
    let sweep = settled.as_ref().map_or(file.sweep.as_ref(), |settled| settled.sweep.as_ref());
    let runs = all_jobs(sweep, experiment).len();
    let absent = absent.map(|error| format!("not yet there, and needed to run it: {error}\n"));
    answer(&format!(
        "{} is right: {} on {} of `{}` with {}, {}\n{}",
        file.path.display(),
        counted(experiment.methods.len(), "method"),
        counted(experiment.data.tasks.len(), "task"),
        experiment.data.dataset,
        counted(experiment.seeds.len(), "seed"),
        counted(runs, "run"),
        absent.unwrap_or_default(),
    ))
}

/// Reads every sample.
fn check_samples(data: &DataSpec, roots: &Roots, output: OutputArguments) -> Result<(), Failure> {
    let progress = Progress::new(output.quiet);
    let inspection = inspect(data, roots, &|domain, samples| {
        let bar = progress.bar(domain, "samples", samples);
        Box::new(move |done| {
            bar.at(done);
            if done == samples {
                bar.finish();
            }
        })
    });
    if !output.quiet {
        for warning in &inspection.warnings {
            eprintln!("warning: {warning}");
        }
    }
    if inspection.problems.is_empty() {
        return if output.quiet { Ok(()) } else { answer(&counts(data, &inspection)) };
    }
    Err(Failure::input(format!(
        "{} in the data of `{}`:\n{}",
        counted(inspection.problems.len(), "problem"),
        data.dataset,
        inspection.problems.iter().map(|it| format!("  {it}")).collect::<Vec<_>>().join("\n"),
    )))
}

/// A table: number of samples by class and set.
fn counts(data: &DataSpec, inspection: &Inspection) -> String {
    let heading = |set: &InspectedSet| match set.part {
        Some(part) => format!("{} ({part})", set.domain),
        None => set.domain.clone(),
    };
    let sum = |set: &InspectedSet| set.counts.iter().sum::<usize>();
    let sets = &inspection.sets;
    let row = |first: String, cell: &dyn Fn(&InspectedSet) -> String| {
        std::iter::once(first).chain(sets.iter().map(cell)).collect::<Vec<String>>()
    };
    let mut rows = vec![row("class".to_owned(), &heading)];
    for (class, name) in inspection.classes.iter().enumerate() {
        rows.push(row(shown(name), &|set| set.counts[class].to_string()));
    }
    rows.push(row("all".to_owned(), &|set| sum(set).to_string()));
    let samples = counted(sets.iter().map(sum).sum(), "sample");
    format!("the data of `{}` is right: {samples} read\n{}", data.dataset, aligned(&rows))
}

/// A name with its control characters written out: a class may have any.
pub(super) fn shown(name: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() };
    name.chars().map(shown).collect()
}

/// The rows with the first column to the left and the others to the right.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = format!("{:<width$}", row[0], width = widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            line.push_str(&format!("  {cell:>width$}"));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
