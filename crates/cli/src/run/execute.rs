//! The run of an experiment.

use std::path::{Path, PathBuf};
use std::time::Instant;

use isthmus_core::error::DataError;
use isthmus_core::spec::Job;
use isthmus_data::Roots;
use isthmus_engine::{run_job, uses_target_labels};
use isthmus_results::record::{Environment, is_finished};
use isthmus_results::{Destination, RecordHeader, RecordWriter, write_text};

use super::device::{self, Chosen};
use super::failed::JobError;
use super::plan::{Plan, job_data};
use super::progress::Progress;
use super::recorder::{Recorder, write_outcome};
use super::workers::side_by_side;
use super::{features, log, table};
use crate::args::{OutputArguments, RunArguments};
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;

/// The version that records name and that is part of a job's identity.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs every job of an experiment that has no finished record, and shows the table.
///
/// # Errors
/// If the data or the device is not to be had, or a job fails; the other jobs are run all the
/// same, and what was recorded stays.
pub fn run(
    file: &ExperimentFile,
    arguments: &RunArguments,
    output: OutputArguments,
) -> Result<(), Failure> {
    let progress = Progress::new(output.quiet);
    let chosen = device::choose(&file.experiment.device)?;
    let mut experiment = file.experiment.clone();
    // `gpu:0` and `gpu:1` are the same kind of device: the job's identity names the kind.
    chosen.kind.clone_into(&mut experiment.device);
    let roots = Roots::discover(Some(&file.path));
    let mut plan = Plan::new(experiment, &roots).map_err(|error| match error {
        // The parts of the data do not fit each other: it is the file that put them together.
        DataError::Mismatch(message) => file.problem_at("data.tasks", message),
        other => Failure::input(other.to_string()),
    })?;
    let fingerprint = plan.fingerprint();

    let jobs: Vec<(Job, RecordHeader)> = plan
        .experiment
        .jobs()
        .into_iter()
        .map(|job| {
            let upper_bound = job.method.stages.iter().any(uses_target_labels);
            let header =
                RecordHeader::new(&plan.experiment, &job, &fingerprint, VERSION, upper_bound);
            (job, header)
        })
        .collect();
    let directory =
        |header: &RecordHeader| arguments.results.join(&header.run.experiment).join(&header.run.id);
    let mut pending = Vec::new();
    for (job, header) in &jobs {
        let finished = is_finished(&arguments.results, &header.run.experiment, &header.run.id)
            .map_err(|error| Failure::Work(error.to_string()))?;
        if arguments.force || !finished {
            pending.push((job, header));
        }
    }
    if pending.len() < jobs.len() {
        progress.line(&format!(
            "{} of {} runs are finished already and are not run again (`--force` runs them again)",
            jobs.len() - pending.len(),
            jobs.len()
        ));
    }

    let started = Instant::now();
    let failures = if pending.is_empty() {
        Vec::new()
    } else {
        if plan.extracts_features() {
            plan.dataset = features::extract(&plan, &chosen.device, chosen.kind, &progress)
                .map_err(|error| Failure::input(error.to_string()))?;
        }
        run_pending(&plan, &pending, &chosen, arguments, &progress)?
    };
    let done = jobs.len() - failures.len();
    if done > 0 {
        let failed: Vec<&str> = failures.iter().map(|failure| failure.id.as_str()).collect();
        let directories: Vec<PathBuf> = jobs
            .iter()
            .filter(|(_, header)| !failed.contains(&header.run.id.as_str()))
            .map(|(_, header)| directory(header))
            .collect();
        let text = table::text(directories)?;
        write_text(&Destination::StandardOutput, &text)
            .map_err(|error| Failure::Work(error.to_string()))?;
        progress.line(&format!(
            "{} runs in {:.1} s; {done} records in {}, one folder a run",
            pending.len(),
            started.elapsed().as_secs_f64(),
            arguments.results.join(&plan.experiment.name).display()
        ));
    }
    match failures.as_slice() {
        [] => Ok(()),
        failures => Err(Failure::Work(summary(failures, jobs.len()))),
    }
}

/// A job that failed.
struct FailedJob {
    id: String,
    name: String,
    cause: String,
}

fn summary(failures: &[FailedJob], jobs: usize) -> String {
    let mut text = format!("{} of {jobs} runs failed:", failures.len());
    for failure in failures {
        text.push_str(&format!("\n  {}: {}", failure.name, failure.cause));
    }
    text
}

fn run_pending(
    plan: &Plan,
    pending: &[(&Job, &RecordHeader)],
    chosen: &Chosen,
    arguments: &RunArguments,
    progress: &Progress,
) -> Result<Vec<FailedJob>, Failure> {
    let domains = plan.domains_by_seed().map_err(|error| Failure::input(error.to_string()))?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let small = plan.has_small_steps();
    let workers = match arguments.jobs {
        Some(jobs) => jobs,
        None if small && chosen.kind == "cpu" => processors,
        None => 1,
    };
    let threads = if small { 1 } else { (processors / workers).max(1) };
    let overall = progress.bar("runs", "runs", pending.len());
    let finished = std::sync::atomic::AtomicUsize::new(0);
    let outcomes = side_by_side(pending.len(), workers, threads, |index| {
        let (job, header) = pending[index];
        let started = Instant::now();
        let name = name_of(job);
        let steps = job.method.stages.iter().map(|stage| stage.training.iterations).sum();
        let bar = progress.steps(&name, steps);
        let data = job_data(job, &plan.dataset.classes, &domains[&job.seed]);
        let environment = Environment::detect(&plan.experiment.device, threads);
        let accuracy =
            run_recorded(job, header, &data, chosen, environment, &arguments.results, &bar)?;
        bar.finish();
        let done = 1 + finished.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        overall.at(done);
        progress.line(&format!(
            "[{done}/{}] {name}: {:.1} % of the target, {:.1} s",
            pending.len(),
            100.0 * accuracy,
            started.elapsed().as_secs_f64()
        ));
        Ok::<_, JobError>(())
    });
    overall.finish();
    Ok(pending
        .iter()
        .zip(outcomes)
        .filter_map(|((job, header), outcome)| {
            let error = outcome.err()?;
            Some(FailedJob {
                id: header.run.id.clone(),
                name: name_of(job),
                cause: error.to_string(),
            })
        })
        .collect())
}

fn name_of(job: &Job) -> String {
    format!("{}, {}, seed {}", job.method.label, job.task(), job.seed)
}

fn run_recorded(
    job: &Job,
    header: &RecordHeader,
    data: &isthmus_engine::JobData,
    chosen: &Chosen,
    environment: Environment,
    results: &Path,
    bar: &super::progress::Bar,
) -> Result<f64, JobError> {
    let mut writer = RecordWriter::create(results, header, environment)?;
    let log = log::record_into(writer.events());
    let outcome = run_job(job, data, &chosen.device, &mut Recorder::new(&mut writer, job, bar));
    drop(log);
    match outcome {
        Ok(outcome) => {
            write_outcome(&mut writer, &outcome)?;
            writer.finish()?;
            Ok(outcome.target.accuracy())
        }
        Err(error) => {
            writer.fail(&error.to_string())?;
            Err(error.into())
        }
    }
}
