//! Hands the runs of an experiment to Slurm.

use std::fs;
use std::path::{Path, PathBuf};

use isthmus_results::record::is_finished;
use isthmus_results::{Destination, write_text};

use super::ledger::{Ledger, Submitted};
use super::script::Script;
use super::slurm;
use super::tasks::{After, Array, Run, Task, of_later_round, of_runs};
use crate::args::RunArguments;
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;
use crate::run::{Interrupt, Prepared, number_of_jobs};

/// Submits job arrays for the runs that have no finished record.
///
/// # Errors
/// If earlier jobs of the experiment are still in the queue, or Slurm refuses.
pub fn submit(file: &ExperimentFile, arguments: &RunArguments) -> Result<(), Failure> {
    if arguments.round.is_some() || arguments.part.is_some() || !arguments.only.is_empty() {
        return Err(Failure::input_with(
            "--only, --part and --round choose what this machine runs; Slurm is handed everything",
            "add `--launcher local`",
        ));
    }
    let prepared = Prepared::new(file, arguments, Interrupt::default())?;
    let experiment = &prepared.plan.experiment;
    let folder = arguments.results.join(&experiment.name);
    let ledger = Ledger::path(&arguments.results, &experiment.name);
    refuse_twice(&ledger)?;
    let arrays = arrays(&prepared, arguments)?;
    if arrays.is_empty() {
        return said("every run is finished already; nothing is submitted\n");
    }
    fs::create_dir_all(folder.join(LOGS)).map_err(Failure::file("cannot create", &folder))?;
    let script = folder.join("launch.sh");
    let tasks: Vec<&Task> = arrays.iter().flat_map(|array| &array.tasks).collect();
    let here = std::env::current_dir()
        .map_err(|error| Failure::Work(format!("there is no current folder: {error}")))?;
    let text = Script {
        experiment: &experiment.name,
        launcher: &experiment.launcher,
        folder: &here,
        command: &command(&prepared, arguments)?,
    }
    .text(&tasks);
    fs::write(&script, text).map_err(Failure::file("cannot write", &script))?;

    let logs = here.join(&folder).join(LOGS).display().to_string().replace('%', "%%");
    let mut submitted = Ledger::default();
    let mut offset = 0;
    for Array { tasks, after } in arrays {
        let mut options =
            vec![format!("--array=0-{}", tasks.len() - 1), format!("--output={logs}/%A_%a.log")];
        if let (Some(before), Some(kind)) = (submitted.jobs.last(), condition(after)) {
            options.push(format!("--dependency={kind}:{}", before.id));
            options.push("--kill-on-invalid-dep=yes".to_owned());
        }
        options.extend([script.display().to_string(), offset.to_string()]);
        offset += tasks.len();
        let id = match slurm::submit(&options) {
            Ok(id) => id,
            Err(error) => {
                // Arrays that wait for one that is not there would never end.
                if !submitted.jobs.is_empty() {
                    slurm::cancel(&submitted.ids())?;
                }
                return Err(error);
            }
        };
        submitted.jobs.push(Submitted { id, tasks });
        // After each: jobs that are in the queue can be cancelled whatever comes next.
        submitted.write(&ledger)?;
    }
    let described: Vec<String> = submitted
        .jobs
        .iter()
        .map(|job| format!("job {} with {} tasks", job.id, job.tasks.len()))
        .collect();
    let file = arguments.experiment.file.display();
    said(&format!(
        "handed to Slurm: {}; logs are in {}\n`isthmus status {file}` shows how far it is, \
         `isthmus cancel {file}` ends it\n",
        described.join(", "),
        folder.join(LOGS).display(),
    ))
}

/// The folder of the tasks' output, in the experiment's.
const LOGS: &str = "launch";

fn said(text: &str) -> Result<(), Failure> {
    write_text(&Destination::StandardOutput, text).map_err(|error| Failure::Work(error.to_string()))
}

fn refuse_twice(path: &Path) -> Result<(), Failure> {
    let Some(ledger) = Ledger::read(path)? else { return Ok(()) };
    let queued = slurm::queue(&ledger.ids())?;
    match queued.first() {
        None => Ok(()),
        Some(task) => Err(Failure::input_with(
            format!("job {} of this experiment is in Slurm's queue already", task.job),
            "`isthmus status` shows how far it is, `isthmus cancel` ends it",
        )),
    }
}

fn condition(after: After) -> Option<&'static str> {
    match after {
        After::Nothing => None,
        After::End => Some("afterany"),
        After::Success => Some("afterok"),
    }
}

fn arrays(prepared: &Prepared, arguments: &RunArguments) -> Result<Vec<Array>, Failure> {
    let most = prepared.plan.experiment.launcher.tasks;
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

/// `isthmus run` of this experiment on the task's machine.
fn command(prepared: &Prepared, arguments: &RunArguments) -> Result<Vec<String>, Failure> {
    let text = |path: PathBuf| path.display().to_string();
    let program = std::env::current_exe()
        .map_err(|error| Failure::Work(format!("this program cannot be found: {error}")))?;
    let mut words = vec![text(program), "--quiet".to_owned(), "run".to_owned()];
    words.push(text(arguments.experiment.file.clone()));
    for setting in &arguments.experiment.set {
        words.extend(["--set".to_owned(), setting.clone()]);
    }
    if let Some(device) = &arguments.device {
        words.extend(["--device".to_owned(), device.clone()]);
    }
    words.extend(["--launcher", "local", "--results"].map(str::to_owned));
    words.push(text(arguments.results.clone()));
    words.extend(["--checkpoint-every".to_owned(), arguments.checkpoint_every.to_string()]);
    if arguments.force {
        words.push("--force".to_owned());
    }
    let processors = prepared.plan.experiment.launcher.cpus.unwrap_or(1).to_string();
    // As on one machine: small networks side by side on a thread each, others on all threads.
    if prepared.plan.has_small_steps() {
        words.extend(["--jobs".to_owned(), processors]);
    } else {
        words.extend(["--jobs", "1", "--threads"].map(str::to_owned));
        words.push(processors);
    }
    Ok(words)
}
