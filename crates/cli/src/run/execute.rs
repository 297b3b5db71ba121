//! The run of an experiment.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use isthmus_core::spec::Job;
use isthmus_results::record::{RunInfo, is_finished, record_failure};
use isthmus_results::{Destination, write_text};

use super::display::Display;
use super::interrupt::Interrupt;
use super::part::selected;
use super::pool::{self, Listener, Outcome};
use super::prepared::Prepared;
use super::progress::Progress;
use super::single::Ending;
use super::table;
use super::tui::Tui;
use crate::args::{OutputArguments, RunArguments};
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;

/// Runs every job of an experiment that has no finished record, round by round where there are
/// rounds, and shows the table.
///
/// # Errors
/// If the data or the device is not to be had, or a job fails; the other jobs are run all the
/// same, and what was recorded stays. In a round before the last a job that fails is no error: its
/// settings do not go on.
pub fn run(
    file: &ExperimentFile,
    arguments: &RunArguments,
    output: OutputArguments,
) -> Result<(), Failure> {
    let progress = Progress::new(output.quiet);
    let interrupt = Interrupt::on_signals()
        .map_err(|error| Failure::Work(format!("cannot listen to signals: {error}")))?;
    let mut prepared = Prepared::new(file, arguments, interrupt)?;
    for warning in &prepared.plan.dataset.warnings {
        progress.line(&format!("warning: {warning}"));
    }
    let rounds = match arguments.round {
        Some(number) => number - 1..number,
        None => 0..prepared.rounds(),
    };
    for place in rounds {
        prepared.enter(place)?;
        if prepared.rounds() > 1 {
            progress.line(&format!(
                "round {} of {}: {} runs",
                place + 1,
                prepared.rounds(),
                prepared.jobs.len()
            ));
        }
        run_round(&mut prepared, place, arguments, &progress)?;
    }
    Ok(())
}

fn run_round(
    prepared: &mut Prepared,
    place: usize,
    arguments: &RunArguments,
    progress: &Progress,
) -> Result<(), Failure> {
    let is_last = place + 1 == prepared.rounds();
    let selected = selected(&prepared.jobs, arguments)?;
    let mut pending = Vec::new();
    for &index in &selected {
        let run = &prepared.jobs[index].1.run;
        let finished = is_finished(&arguments.results, &run.experiment, &run.id)
            .map_err(|error| Failure::Work(error.to_string()))?;
        if arguments.force || !finished {
            pending.push(index);
        }
    }
    let jobs = selected.len();
    if pending.len() < jobs {
        progress.line(&format!(
            "{} of {jobs} runs are finished already and are not run again (`--force` runs them \
             again)",
            jobs - pending.len(),
        ));
    }

    let started = Instant::now();
    let outcomes = if pending.is_empty() {
        Vec::new()
    } else {
        prepared.load(progress)?;
        run_pending(prepared, place, &pending, arguments, progress)?
    };
    let report = Report::of(prepared, &pending, &outcomes);
    let done = jobs - report.failed.len() - report.unfinished;
    if done > 0 {
        if is_last {
            let left_out = |id: &str| report.left_out.iter().any(|left_out| left_out == id);
            let directories: Vec<PathBuf> = selected
                .iter()
                .map(|&index| &prepared.jobs[index].1)
                .filter(|header| !left_out(&header.run.id))
                .map(|header| prepared.directory(header))
                .collect();
            let text = table::text(directories)?;
            write_text(&Destination::StandardOutput, &text)
                .map_err(|error| Failure::Work(error.to_string()))?;
        }
        let experiment = &prepared.jobs[selected[0]].1.run.experiment;
        progress.line(&format!(
            "{} runs in {:.1} s; {done} records in {}, one folder a run",
            pending.len(),
            started.elapsed().as_secs_f64(),
            arguments.results.join(experiment).display()
        ));
        if report.shared > 0 {
            progress.line(&format!(
                "{} runs began with stages that another run had trained, which saved {:.1} s of \
                 training",
                report.shared, report.seconds_saved
            ));
        }
    }
    if prepared.setting.interrupt.asked() {
        return Err(Failure::Interrupted(format!(
            "interrupted: {done} of {jobs} runs are finished; the same command goes on where this \
             one stopped"
        )));
    }
    match report.failed.as_slice() {
        [] => Ok(()),
        failures if is_last => Err(Failure::Work(summary(failures, jobs))),
        failures => {
            progress.line(&format!("{}; their settings do not go on", summary(failures, jobs)));
            Ok(())
        }
    }
}

/// What came of the jobs together.
#[derive(Default)]
struct Report {
    failed: Vec<(String, String)>,
    /// Ids of jobs without a finished record.
    left_out: Vec<String>,
    unfinished: usize,
    shared: usize,
    seconds_saved: f64,
}

impl Report {
    fn of(prepared: &Prepared, pending: &[usize], outcomes: &[Outcome]) -> Self {
        let mut report = Self::default();
        for (&index, outcome) in pending.iter().zip(outcomes) {
            let (job, header) = &prepared.jobs[index];
            let name = || name_of(job, &header.run);
            match outcome {
                Outcome::Ended(Ending::Finished { seconds_shared, .. }) => {
                    if let Some(seconds) = seconds_shared {
                        report.shared += 1;
                        report.seconds_saved += seconds;
                    }
                    continue;
                }
                Outcome::Ended(Ending::Interrupted | Ending::Elsewhere) | Outcome::NotBegun => {
                    report.unfinished += 1;
                }
                Outcome::Failed(cause) | Outcome::Crashed(cause) => {
                    report.failed.push((name(), cause.clone()));
                }
            }
            report.left_out.push(header.run.id.clone());
        }
        report
    }
}

fn summary(failures: &[(String, String)], jobs: usize) -> String {
    let mut text = format!("{} of {jobs} runs failed:", failures.len());
    for (name, cause) in failures {
        text.push_str(&format!("\n  {name}: {cause}"));
    }
    text
}

fn run_pending(
    prepared: &Prepared,
    place: usize,
    pending: &[usize],
    arguments: &RunArguments,
    progress: &Progress,
) -> Result<Vec<Outcome>, Failure> {
    let tui =
        match arguments.tui {
            false => None,
            true => Some(Tui::new(pending.len(), prepared.setting.interrupt.clone()).map_err(
                |error| Failure::input_with(format!("--tui: {error}"), "leave out `--tui`"),
            )?),
        };
    let hidden = Progress::new(true);
    let progress = if tui.is_some() { &hidden } else { progress };
    let jobs = pending.iter().map(|&index| &prepared.jobs[index]).collect();
    let mut display = Display::new(jobs, progress, tui);
    let side_by_side = prepared.workers.min(pending.len()) > 1 || display.is_tui();
    let outcomes = if side_by_side {
        let ids: Vec<String> =
            pending.iter().map(|&index| prepared.jobs[index].1.run.id.clone()).collect();
        let round = prepared.halving.as_ref().map(|_| place + 1);
        let command = || {
            let mut command = worker_command(arguments, round, prepared.threads);
            if arguments.tui {
                // Anything written beside what is drawn would stay in the way.
                command.stderr(Stdio::piped());
            }
            command
        };
        pool::run(&ids, prepared.workers, &command, &prepared.setting.interrupt, &mut display)
            .map_err(|error| Failure::Work(format!("cannot run jobs side by side: {error}")))?
    } else {
        in_turn(prepared, pending, &mut display)
    };
    // The terminal is put back before anything is written on it.
    drop(display);
    for (&index, outcome) in pending.iter().zip(&outcomes) {
        if let Outcome::Crashed(cause) = outcome {
            let run = &prepared.jobs[index].1.run;
            if let Err(error) =
                record_failure(&prepared.setting.results, &run.experiment, &run.id, cause)
            {
                tracing::warn!(%error, run = run.id, "the cause of a crash could not be recorded");
            }
        }
    }
    Ok(outcomes)
}

/// Runs the jobs one after the other in this process.
fn in_turn(prepared: &Prepared, pending: &[usize], display: &mut Display<'_>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (number, &index) in pending.iter().enumerate() {
        if prepared.setting.interrupt.asked() {
            outcomes.push(Outcome::NotBegun);
            continue;
        }
        display.began(number);
        let (job, header) = &prepared.jobs[index];
        let bar = display.bar(number).expect("the job has begun");
        let run = std::panic::AssertUnwindSafe(|| prepared.run(job, header, bar));
        let outcome = match std::panic::catch_unwind(run) {
            Ok(Ok(ending)) => Outcome::Ended(ending),
            Ok(Err(error)) => Outcome::Failed(error.to_string()),
            Err(panic) => {
                Outcome::Crashed(super::workers::WorkerPanic::from_payload(&*panic).to_string())
            }
        };
        display.came_out(number, &outcome);
        outcomes.push(outcome);
    }
    outcomes
}

/// This program, told to run jobs of the same file.
fn worker_command(arguments: &RunArguments, round: Option<usize>, threads: usize) -> Command {
    // The program may have been replaced by a new build since it was started; then there is no
    // telling what the file at its place does, and the name it was called by is as good.
    let program = std::env::current_exe()
        .unwrap_or_else(|_| PathBuf::from(std::env::args_os().next().unwrap_or_default()));
    let mut command = Command::new(program);
    command.arg("--quiet").arg("work").arg(&arguments.experiment.file);
    for setting in arguments.experiment.settings() {
        command.arg("--set").arg(setting);
    }
    if let Some(device) = &arguments.device {
        command.arg("--device").arg(device);
    }
    if let Some(round) = round {
        command.arg("--round").arg(round.to_string());
    }
    command.arg("--results").arg(&arguments.results);
    command.arg("--threads").arg(threads.to_string());
    command.arg("--checkpoint-every").arg(arguments.checkpoint_every.to_string());
    command
}

/// How messages call a run.
pub fn name_of(job: &Job, run: &RunInfo) -> String {
    let mut name = format!("{}, {}, seed {}", job.method.label, job.task(), job.seed);
    for (key, value) in &run.settings {
        name.push_str(&format!(", {key} = {value}"));
    }
    name
}
