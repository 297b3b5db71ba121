//! Lets a launcher start the runs of an experiment.

use std::fs;
use std::path::{Path, PathBuf};

use isthmus_core::launcher::{
    Division, JobArray, LOCAL, LaunchError, Launcher, Runs, Submission, Submit,
};
use isthmus_core::spec::PluginSpec;
use isthmus_results::record::is_finished;
use isthmus_results::{Destination, write_text};
use isthmus_runner::{Interrupt, Prepared, number_of_jobs};
use serde_json::json;

use super::ledger::{Ledger, Submitted, built};
use super::tasks::{Run, of_later_round, of_runs};
use crate::args::{OutputArguments, RunArguments};
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;
use crate::run::{Progress, options};

/// The folder of the tasks' output, in the experiment's.
const LOGS: &str = "launch";

/// Starts the runs of an experiment as its launcher does it.
///
/// # Errors
/// If the runs cannot be started, or the launcher is this process and one fails.
pub fn start(
    file: &ExperimentFile,
    arguments: &RunArguments,
    output: OutputArguments,
) -> Result<(), Failure> {
    let local = || PluginSpec { name: LOCAL.to_owned(), config: json!({}) };
    let spec = file.experiment.launcher.clone().unwrap_or_else(local);
    let launcher = built(&spec).map_err(|error| Failure::input(error.to_string()))?;
    let mut runs = FileRuns { file, arguments, output, spec, launcher: &*launcher };
    Ok(launcher.start(&mut runs)?)
}

/// The runs of a file.
struct FileRuns<'a> {
    file: &'a ExperimentFile,
    arguments: &'a RunArguments,
    output: OutputArguments,
    spec: PluginSpec,
    launcher: &'a dyn Launcher,
}

impl Runs for FileRuns<'_> {
    fn here(&mut self) -> Result<(), LaunchError> {
        Ok(crate::run::run(self.file, self.arguments, self.output)?)
    }

    fn hand_over(
        &mut self,
        division: Division,
        submit: &mut Submit<'_>,
    ) -> Result<(), LaunchError> {
        let arguments = self.arguments;
        if arguments.round.is_some() || arguments.part.is_some() || !arguments.only.is_empty() {
            return Err(Failure::input_with(
                format!(
                    "--only, --part and --round choose what this machine runs; {} is handed \
                     everything",
                    self.launcher.title()
                ),
                "add `--launcher local`",
            )
            .into());
        }
        let prepared = Prepared::new(&self.file.source(), options(arguments), Interrupt::default());
        let prepared = prepared.map_err(|error| self.file.failed(error))?;
        let progress = Progress::new(self.output.quiet);
        for warning in &prepared.plan.dataset.warnings {
            progress.line(&format!("warning: {warning}"));
        }
        let experiment = &prepared.plan.experiment.name;
        let folder = arguments.results.join(experiment);
        let path = Ledger::path(&arguments.results, experiment);
        refuse_twice(&path)?;
        let arrays = arrays(&prepared, arguments, division.tasks)?;
        if arrays.is_empty() {
            return Ok(said("every run is finished already; nothing is submitted\n")?);
        }
        let logs = folder.join(LOGS);
        fs::create_dir_all(&logs).map_err(Failure::file("cannot create", &folder))?;
        let here = std::env::current_dir()
            .map_err(|error| Failure::Work(format!("there is no current folder: {error}")))?;
        let command = command(&prepared, arguments, division.processors)?;
        let mut submitted = Ledger::of(self.spec.clone());
        for place in 0..arrays.len() {
            let submission = Submission {
                experiment,
                folder: &here.join(&folder),
                logs: &here.join(&logs),
                working_folder: &here,
                command: &command,
                arrays: &arrays,
                place,
                before: submitted.jobs.last().map(|job| job.id.as_str()),
            };
            let id = match submit(&submission) {
                Ok(id) => id,
                Err(error) => {
                    // Arrays that wait for one that is not there would never end.
                    if !submitted.jobs.is_empty() {
                        self.launcher.cancel(&submitted.ids())?;
                    }
                    return Err(error);
                }
            };
            submitted.jobs.push(Submitted { id, tasks: arrays[place].tasks.clone() });
            // After each: jobs that are in the queue can be cancelled whatever comes next.
            submitted.write(&path)?;
        }
        let described: Vec<String> = submitted
            .jobs
            .iter()
            .map(|job| format!("job {} with {} tasks", job.id, job.tasks.len()))
            .collect();
        let file = arguments.experiment.file.display();
        Ok(said(&format!(
            "handed to {}: {}; logs are in {}\n`isthmus status {file}` shows how far it is, \
             `isthmus cancel {file}` ends it\n",
            self.launcher.title(),
            described.join(", "),
            logs.display(),
        ))?)
    }
}

fn said(text: &str) -> Result<(), Failure> {
    write_text(&Destination::StandardOutput, text).map_err(|error| Failure::Work(error.to_string()))
}

fn refuse_twice(path: &Path) -> Result<(), Failure> {
    let Some(ledger) = Ledger::read(path)? else { return Ok(()) };
    let launcher = ledger.launcher(path)?;
    let queued = launcher.queue(&ledger.ids())?;
    match queued.first() {
        None => Ok(()),
        Some(task) => Err(Failure::input_with(
            format!(
                "job {} of this experiment is in {}'s queue already",
                task.job,
                launcher.title()
            ),
            "`isthmus status` shows how far it is, `isthmus cancel` ends it",
        )),
    }
}

/// Job arrays of at most `most` tasks each for the runs that have no finished record.
fn arrays(
    prepared: &Prepared,
    arguments: &RunArguments,
    most: usize,
) -> Result<Vec<JobArray>, Failure> {
    let sharing = &prepared.setting.sharing;
    let mut runs = Vec::new();
    for (job, header) in &prepared.jobs {
        let finished = is_finished(&arguments.results, &header.run.experiment, &header.run.id)
            .map_err(|error| Failure::Work(error.to_string()))?;
        if arguments.force || !finished {
            let first_stage = sharing.shared(job).into_iter().next().flatten();
            runs.push(Run { id: header.run.id.clone(), first_stage });
        }
    }
    let Some(halving) = &prepared.halving else { return Ok(of_runs(&runs, most, None)) };
    let mut arrays = of_runs(&runs, most, Some(1));
    for place in 1..halving.rounds.len() {
        let count = number_of_jobs(&prepared.planned, halving, place);
        arrays.push(of_later_round(place + 1, count, most));
    }
    Ok(arrays)
}

/// `isthmus run` of this experiment on the machine of a task with so many processors.
fn command(
    prepared: &Prepared,
    arguments: &RunArguments,
    processors: usize,
) -> Result<Vec<String>, Failure> {
    let text = |path: PathBuf| path.display().to_string();
    let program = std::env::current_exe()
        .map_err(|error| Failure::Work(format!("this program cannot be found: {error}")))?;
    let mut words = vec![text(program), "--quiet".to_owned(), "run".to_owned()];
    words.push(text(arguments.experiment.file.clone()));
    for setting in arguments.experiment.settings() {
        words.extend(["--set".to_owned(), setting.clone()]);
    }
    if let Some(device) = &arguments.device {
        words.extend(["--device".to_owned(), device.clone()]);
    }
    for labels in &arguments.methods {
        words.extend(["--methods".to_owned(), labels.clone()]);
    }
    words.extend(["--launcher".to_owned(), LOCAL.to_owned(), "--results".to_owned()]);
    words.push(text(arguments.results.clone()));
    words.extend(["--checkpoint-every".to_owned(), arguments.checkpoint_every.to_string()]);
    if arguments.force {
        words.push("--force".to_owned());
    }
    let processors = processors.to_string();
    // As on one machine: small networks side by side on a thread each, others on all threads.
    if prepared.plan.has_small_steps() {
        words.extend(["--jobs".to_owned(), processors]);
    } else {
        words.extend(["--jobs", "1", "--threads"].map(str::to_owned));
        words.push(processors);
    }
    Ok(words)
}
