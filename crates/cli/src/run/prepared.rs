//! An experiment that is ready to run: its jobs, their data, the device.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use isthmus_core::dataset::Domain;
use isthmus_core::error::DataError;
use isthmus_core::spec::{Experiment, Job};
use isthmus_data::Roots;
use isthmus_engine::uses_target_labels;
use isthmus_results::RecordHeader;
use isthmus_results::record::Environment;

use super::device::{self, Chosen};
use super::failed::JobError;
use super::features;
use super::interrupt::Interrupt;
use super::plan::{Plan, job_data};
use super::progress::Progress;
use super::sharing::Sharing;
use super::single::{Ending, Setting, run_recorded};
use super::watch::Watch;
use super::workers::on_threads;
use crate::args::RunArguments;
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;

/// The version that records name and that is part of a job's identity.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How an experiment is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the results.
    pub results: PathBuf,
    /// Number of jobs side by side; as many as serve well where it is not stated.
    pub jobs: Option<usize>,
    /// Threads inside each job; as many as serve well where it is not stated.
    pub threads: Option<usize>,
    /// Time between checkpoints.
    pub checkpoint_every: Duration,
}

/// Why an experiment cannot be run.
pub enum NotPrepared {
    /// Its data is not to be had.
    Data(DataError),
    /// The device is not to be had.
    Device(Failure),
}

/// An experiment that is ready to run.
pub struct Prepared {
    /// The experiment and its data.
    pub plan: Plan,
    /// Its jobs with their records' headers, those with fewer stages first: others may begin with
    /// theirs.
    pub jobs: Vec<(Job, RecordHeader)>,
    /// What all jobs have in common.
    pub setting: Setting,
    /// Threads inside each job.
    pub threads: usize,
    /// Number of jobs side by side.
    pub workers: usize,
    kind: &'static str,
    domains: BTreeMap<u64, Vec<Domain>>,
}

impl Prepared {
    /// Loads the data of an experiment file and settles what is run.
    ///
    /// # Errors
    /// If the data or the device is not to be had.
    pub fn new(
        file: &ExperimentFile,
        arguments: &RunArguments,
        interrupt: Interrupt,
    ) -> Result<Self, Failure> {
        let options = Options {
            results: arguments.results.clone(),
            jobs: arguments.jobs,
            threads: arguments.threads,
            checkpoint_every: Duration::from_secs_f64(arguments.checkpoint_every),
        };
        let roots = Roots::discover(Some(&file.path));
        Self::of(file.experiment.clone(), &roots, options, interrupt).map_err(|error| match error {
            // The parts of the data do not fit each other: it is the file that put them together.
            NotPrepared::Data(DataError::Mismatch(message)) => {
                file.problem_at("data.tasks", message)
            }
            NotPrepared::Data(other) => Failure::input(other.to_string()),
            NotPrepared::Device(failure) => failure,
        })
    }

    /// Loads the data of an experiment and settles what is run.
    ///
    /// # Errors
    /// If the data or the device is not to be had.
    pub fn of(
        mut experiment: Experiment,
        roots: &Roots,
        options: Options,
        interrupt: Interrupt,
    ) -> Result<Self, NotPrepared> {
        let Chosen { device, kind } =
            device::choose(&experiment.device).map_err(NotPrepared::Device)?;
        // `gpu:0` and `gpu:1` are the same kind of device: the job's identity names the kind.
        kind.clone_into(&mut experiment.device);
        let plan = Plan::new(experiment, roots).map_err(NotPrepared::Data)?;
        let fingerprint = plan.fingerprint();
        let mut jobs: Vec<(Job, RecordHeader)> = plan
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
        jobs.sort_by_key(|(job, _)| job.method.stages.len());
        let all = jobs.iter().map(|(job, _)| job);
        let sharing = Sharing::new(&options.results, all, &fingerprint, VERSION);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let small = plan.has_small_steps();
        let workers = match options.jobs {
            Some(jobs) => jobs,
            None if small && kind == "cpu" => processors,
            None => 1,
        };
        let threads = match options.threads {
            Some(threads) => threads,
            None if small => 1,
            None => (processors / workers).max(1),
        };
        let setting = Setting {
            results: options.results,
            environment: Environment::detect(&plan.experiment.device, threads),
            device,
            checkpoint_every: options.checkpoint_every,
            sharing,
            interrupt,
        };
        Ok(Self { plan, jobs, setting, threads, workers, kind, domains: BTreeMap::new() })
    }

    /// Extracts what a frozen extractor makes of the data, where there is one, and splits the
    /// samples.
    ///
    /// # Errors
    /// If a sample cannot be read, or the samples cannot be split.
    pub fn load(&mut self, progress: &Progress) -> Result<(), Failure> {
        if self.plan.extracts_features() {
            self.plan.dataset =
                features::extract(&self.plan, &self.setting.device, self.kind, progress)
                    .map_err(|error| Failure::input(error.to_string()))?;
        }
        self.domains =
            self.plan.domains_by_seed().map_err(|error| Failure::input(error.to_string()))?;
        Ok(())
    }

    /// Runs one of the jobs to its record.
    ///
    /// # Errors
    /// If it cannot be trained, evaluated or written.
    pub fn run(
        &self,
        job: &Job,
        header: &RecordHeader,
        watch: &(dyn Watch + Sync),
    ) -> Result<Ending, JobError> {
        let data = job_data(job, &self.plan.dataset.classes, &self.domains[&job.seed])?;
        on_threads(self.threads, || run_recorded(job, header, &data, &self.setting, watch))
    }

    /// The folder of a job's record.
    pub fn directory(&self, header: &RecordHeader) -> PathBuf {
        self.setting.results.join(&header.run.experiment).join(&header.run.id)
    }
}
