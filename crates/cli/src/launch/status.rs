//! `isthmus status`.

use std::collections::BTreeMap;
use std::path::Path;

use isthmus_core::launcher::TaskState;
use isthmus_core::spec::Job;
use isthmus_engine::is_stream;
use isthmus_results::RecordHeader;
use isthmus_results::record::{Reached, RecordState, record_state};
use isthmus_results::{Destination, write_text};
use isthmus_runner::{Outline, name_of};

use super::ledger::Ledger;
use crate::args::RunsArguments;
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;

/// Says how far the runs of an experiment are. Neither its device is asked for, nor data read that
/// has not changed since it was last read.
///
/// # Errors
/// If the data or the records cannot be read.
pub fn status(arguments: &RunsArguments) -> Result<(), Failure> {
    let file = ExperimentFile::load(&arguments.experiment, arguments.device.as_deref())?;
    let outline = Outline::new(&file.source(), arguments.results.clone())
        .map_err(|error| file.failed(error))?;
    let name = &outline.name;
    let path = Ledger::path(&arguments.results, name);
    let ledger = Ledger::read(&path)?;
    let cluster = match &ledger {
        Some(ledger) => Cluster::ask(ledger, &path)?,
        None => Cluster::default(),
    };
    let mut text = String::new();
    for place in 0..outline.rounds() {
        let heading = match outline.rounds() {
            1 => name.clone(),
            rounds => format!("{name}, round {} of {rounds}", place + 1),
        };
        match outline.jobs_of(place) {
            Ok(jobs) => {
                let mut tally = Tally::default();
                for (job, header) in &jobs {
                    let run = &header.run;
                    let state = record_state(&arguments.results, &run.experiment, &run.id)
                        .map_err(|error| Failure::Work(error.to_string()))?;
                    tally.count(job, header, state, cluster.cause(&run.id));
                }
                text.push_str(&tally.text(&heading, jobs.len()));
            }
            Err(waits) => text.push_str(&format!("{heading}: {waits}\n")),
        }
    }
    if let Some(ledger) = &ledger {
        text.push_str(&cluster.text(ledger));
    }
    write_text(&Destination::StandardOutput, &text)
        .map_err(|error| Failure::Work(error.to_string()))
}

#[derive(Default)]
struct Tally {
    finished: usize,
    running: usize,
    pending: usize,
    /// Runs that were interrupted, and where.
    interrupted: Vec<(String, String)>,
    failed: Vec<(String, String)>,
}

impl Tally {
    fn count(
        &mut self,
        job: &Job,
        header: &RecordHeader,
        state: RecordState,
        cluster_cause: Option<String>,
    ) {
        let cause = match state {
            RecordState::Finished => return self.finished += 1,
            RecordState::Running => return self.running += 1,
            RecordState::Failed(cause) => cause,
            RecordState::Interrupted(reached) => match cluster_cause {
                Some(cause) => format!("{cause}; {}", place(job, reached)),
                None => {
                    let name = name_of(job, &header.run);
                    return self.interrupted.push((name, place(job, reached)));
                }
            },
            RecordState::Absent => match cluster_cause {
                Some(cause) => cause,
                None => return self.pending += 1,
            },
        };
        self.failed.push((name_of(job, &header.run), cause));
    }

    fn text(&self, heading: &str, runs: usize) -> String {
        let mut text = format!(
            "{heading}: {runs} runs: {} finished, {} running, {} interrupted, {} failed, {} \
             pending\n",
            self.finished,
            self.running,
            self.interrupted.len(),
            self.failed.len(),
            self.pending
        );
        for (name, place) in &self.interrupted {
            text.push_str(&format!("  interrupted: {name}: {place}\n"));
        }
        for (name, cause) in &self.failed {
            text.push_str(&format!("  failed: {name}: {cause}\n"));
        }
        text
    }
}

/// Where `isthmus run` takes up a run that was interrupted.
fn place(job: &Job, reached: Option<Reached>) -> String {
    let Some(Reached { stage, step, seconds }) = reached else {
        return "no whole checkpoint; `isthmus run` begins it anew".to_owned();
    };
    let stages = &job.method.stages;
    let of_stage = match stages.get(stage) {
        Some(spec) if !is_stream(spec) => format!(" of {}", spec.training.steps()),
        _ => String::new(),
    };
    let of_job = match stages.len() {
        1 => String::new(),
        count => format!(", stage {} of {count}", stage + 1),
    };
    format!(
        "checkpoint after step {step}{of_stage}{of_job}, {seconds:.0} s of training; `isthmus run` \
         goes on from it"
    )
}

/// What the launcher says of the tasks that it handed over.
#[derive(Default)]
struct Cluster {
    title: &'static str,
    queued: Vec<TaskState>,
    /// By run, how its task ended if it ended badly.
    causes: BTreeMap<String, String>,
}

impl Cluster {
    fn ask(ledger: &Ledger, path: &Path) -> Result<Self, Failure> {
        let launcher = ledger.launcher(path)?;
        let title = launcher.title();
        let ids = ledger.ids();
        let queued = launcher.queue(&ids)?;
        let mut causes = BTreeMap::new();
        for ended in launcher.failed(&ids) {
            let queued = queued.iter().any(|it| it.job == ended.job && it.task == ended.task);
            if queued || ledger.cancelled {
                continue;
            }
            let tasks = ledger.jobs.iter().find(|job| job.id == ended.job).map(|job| &job.tasks);
            for run in tasks.and_then(|tasks| tasks.get(ended.task)).iter().flat_map(|it| &it.runs)
            {
                let cause =
                    format!("{title} says {} of task {}_{}", ended.state, ended.job, ended.task);
                causes.insert(run.clone(), cause);
            }
        }
        Ok(Self { title, queued, causes })
    }

    fn cause(&self, run: &str) -> Option<String> {
        self.causes.get(run).cloned()
    }

    fn text(&self, ledger: &Ledger) -> String {
        let mut text = String::new();
        for job in &ledger.jobs {
            let mut states: BTreeMap<String, usize> = BTreeMap::new();
            for task in self.queued.iter().filter(|task| task.job == job.id) {
                *states.entry(task.state.to_lowercase()).or_default() += 1;
            }
            let left: usize = states.values().sum();
            let mut words: Vec<String> =
                states.into_iter().map(|(state, count)| format!("{count} {state}")).collect();
            words.push(format!("{} ended", job.tasks.len().saturating_sub(left)));
            let cancelled = if ledger.cancelled { " (cancelled)" } else { "" };
            text.push_str(&format!(
                "{} job {}{cancelled}: {} tasks: {}\n",
                self.title,
                job.id,
                job.tasks.len(),
                words.join(", ")
            ));
        }
        text
    }
}
