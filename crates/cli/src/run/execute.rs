//! The run of an experiment.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use isthmus_results::record::is_finished;
use isthmus_results::{Destination, write_text};
use isthmus_runner::{
    Ending, Interrupt, Options, Outcome, Prepared, Processes, name_of, record_crashes, run_jobs,
    selected,
};

use super::display::Display;
use super::progress::Progress;
use super::table;
use super::tracking::Tracking;
use super::tui::Tui;
use crate::args::{OutputArguments, RunArguments};
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;

/// How the command line says that an experiment is run.
pub fn options(arguments: &RunArguments) -> Options {
    Options {
        results: arguments.results.clone(),
        jobs: arguments.jobs,
        threads: arguments.threads,
        checkpoint_every: Duration::from_secs_f64(arguments.checkpoint_every),
        methods: arguments.methods.clone(),
        round: arguments.round,
    }
}

/// Runs every job of an experiment that has no finished record, round by round where there are
/// rounds, and shows the table.
///
/// # Errors
/// If the data or the device is not available, a job fails, or another process is running one; the
/// other jobs are run all the same, and what was recorded stays. In a round before the last a job that fails is no error: its
/// settings do not go on.
pub fn run(
    file: &ExperimentFile,
    arguments: &RunArguments,
    output: OutputArguments,
) -> Result<(), Failure> {
    run_shown(file, arguments, output, true)
}

/// As [`run`], without the table.
///
/// # Errors
/// As of [`run`].
pub fn run_quietly(
    file: &ExperimentFile,
    arguments: &RunArguments,
    output: OutputArguments,
) -> Result<(), Failure> {
    run_shown(file, arguments, output, false)
}

fn run_shown(
    file: &ExperimentFile,
    arguments: &RunArguments,
    output: OutputArguments,
    with_table: bool,
) -> Result<(), Failure> {
    let progress = Progress::new(output.quiet);
    let interrupt = Interrupt::on_signals()
        .map_err(|error| Failure::Work(format!("cannot listen to signals: {error}")))?;
    let prepared = Prepared::new(&file.source(), options(arguments), interrupt);
    let mut prepared = prepared.map_err(|error| file.failed(error))?;
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
        let table = with_table && !arguments.events && place + 1 == prepared.rounds();
        run_round(&mut prepared, place, arguments, &progress, table)?;
    }
    Ok(())
}

fn run_round(
    prepared: &mut Prepared,
    place: usize,
    arguments: &RunArguments,
    progress: &Progress,
    with_table: bool,
) -> Result<(), Failure> {
    let is_last = place + 1 == prepared.rounds();
    let selected = selected(&prepared.jobs, arguments.part, &arguments.only)?;
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
    let mut report = Report::of(prepared, &pending, &outcomes);
    if !arguments.force {
        report.look_again(prepared, &arguments.results)?;
    }
    let done = jobs - report.failed.len() - report.unfinished;
    if done > 0 {
        if with_table {
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
        [] if report.elsewhere.is_empty() => Ok(()),
        [] => Err(Failure::Work(report.held(prepared, jobs))),
        failures if is_last => {
            let mut text = summary(failures, jobs);
            if !report.elsewhere.is_empty() {
                text.push_str(&format!("\n{}", report.held(prepared, jobs)));
            }
            Err(Failure::Work(text))
        }
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
    /// Places of jobs that another process is running.
    elsewhere: Vec<usize>,
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
                Outcome::Ended(Ending::Elsewhere) => {
                    report.unfinished += 1;
                    report.elsewhere.push(index);
                }
                Outcome::Ended(Ending::Interrupted) | Outcome::NotBegun => {
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

    /// Takes in what another process has finished in the meantime.
    fn look_again(&mut self, prepared: &Prepared, results: &Path) -> Result<(), Failure> {
        let mut held = Vec::new();
        for index in std::mem::take(&mut self.elsewhere) {
            let run = &prepared.jobs[index].1.run;
            let finished = is_finished(results, &run.experiment, &run.id)
                .map_err(|error| Failure::Work(error.to_string()))?;
            if finished {
                self.unfinished -= 1;
                self.left_out.retain(|id| *id != run.id);
            } else {
                held.push(index);
            }
        }
        self.elsewhere = held;
        Ok(())
    }

    /// The message on runs that another process is running.
    fn held(&self, prepared: &Prepared, jobs: usize) -> String {
        let mut text = format!(
            "{} of {jobs} runs are not in the table, since another process is running them; run \
             the same command again when it has finished:",
            self.elsewhere.len()
        );
        for &index in &self.elsewhere {
            let (job, header) = &prepared.jobs[index];
            text.push_str(&format!("\n  {}", name_of(job, &header.run)));
        }
        text
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
    let specs = &prepared.plan.experiment.trackers;
    let tracking = Tracking::new(specs, arguments.events, progress)?;
    let mut display = Display::new(jobs, progress, tracking, tui);
    let side_by_side = prepared.workers.min(pending.len()) > 1 || display.is_tui();
    let round = prepared.halving.as_ref().map(|_| place + 1);
    let command = || {
        let mut command = worker_command(arguments, round, prepared.threads);
        if arguments.tui {
            // Anything written beside what is drawn would stay in the way.
            command.stderr(Stdio::piped());
        }
        command
    };
    let processes = if side_by_side { Processes::Others(&command) } else { Processes::This };
    let outcomes = run_jobs(prepared, pending, &processes, &mut display);
    // The terminal is put back before anything is written on it.
    drop(display);
    let outcomes = outcomes?;
    record_crashes(prepared, pending, &outcomes);
    Ok(outcomes)
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
    for labels in &arguments.methods {
        command.arg("--methods").arg(labels);
    }
    command.arg("--results").arg(&arguments.results);
    command.arg("--threads").arg(threads.to_string());
    command.arg("--checkpoint-every").arg(arguments.checkpoint_every.to_string());
    command
}
