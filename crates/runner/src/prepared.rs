//! An experiment that is ready to run: its jobs, their data, the device.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use isthmus_core::spec::{Experiment, Job};
use isthmus_data::Roots;
use isthmus_experiment::{Competitors, Halving, Sweep};
use isthmus_results::RecordHeader;
use isthmus_results::record::{Environment, RunInfo};

use crate::device::{self, ResolvedDevice};
use crate::error::RunError;
use crate::failed::JobError;
use crate::features;
use crate::halving;
use crate::interrupt::Interrupt;
use crate::jobs::{PlannedJob, all_jobs};
use crate::part::of_methods;
use crate::plan::{Domains, Fingerprints, Plan, ViewsId, views_id};
use crate::progress::Progress;
use crate::sharing::Sharing;
use crate::single::{Ending, ReadyData, Setting, run_recorded};
use crate::splits;
use crate::transforms::transformed;
use crate::watch::Watch;
use crate::weights_from::{Settled, settle};
use crate::workers::on_threads;

/// The version that records name and that is part of a job's identity.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

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
    /// Labels of the methods that are run; all where there are none.
    pub methods: Vec<String>,
    /// The round of successive halving that is run, from 1; all where none is stated.
    pub round: Option<usize>,
}

/// A checked experiment file.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The experiment.
    pub experiment: &'a Experiment,
    /// The variants of it that a sweep asks for.
    pub sweep: Option<&'a Sweep>,
    /// The file.
    pub path: &'a Path,
}

/// An experiment that is ready to run.
pub struct Prepared {
    /// The experiment and its data.
    pub plan: Plan,
    /// The jobs to run with their records' headers, those with fewer stages first: others may begin
    /// with theirs. With successive halving, those of the round that was entered.
    pub jobs: Vec<(Job, RecordHeader)>,
    /// What all jobs have in common.
    pub setting: Setting,
    /// Threads inside each job.
    pub threads: usize,
    /// Number of jobs side by side.
    pub workers: usize,
    /// All jobs, before any of them is stopped before its time.
    pub planned: Vec<PlannedJob>,
    /// The rounds of successive halving.
    pub halving: Option<Halving>,
    fingerprints: Fingerprints,
    kind: &'static str,
    domains: BTreeMap<(ViewsId, u64), Domains>,
}

impl Prepared {
    /// Loads the data of an experiment file and settles what is run.
    ///
    /// # Errors
    /// If the data or the device is not available, or the file has no such method or round.
    pub fn new(
        source: &Source<'_>,
        options: Options,
        interrupt: Interrupt,
    ) -> Result<Self, RunError> {
        let roots = Roots::discover(Some(source.path));
        let (methods, round) = (options.methods.clone(), options.round);
        let experiment = source.experiment.clone();
        let mut prepared = Self::of(experiment, source.sweep, &roots, options, interrupt)?;
        // Where it cannot be told, the run can be reproduced from this folder only.
        prepared.setting.environment.experiment_file = std::path::absolute(source.path).ok();
        prepared.planned = of_methods(prepared.planned, &methods)?;
        match (round, &prepared.halving) {
            (Some(_), None) => {
                return Err(RunError::input(
                    "--round: the experiment has no rounds",
                    "rounds are those of successive halving, `[sweep.halving]`",
                ));
            }
            (Some(number), Some(halving)) if number > halving.rounds.len() => {
                let rounds = halving.rounds.len();
                return Err(RunError::Input {
                    message: format!("--round {number}: the experiment has {rounds} rounds"),
                    help: None,
                });
            }
            (number, _) => prepared.enter(number.map_or(0, |number| number - 1))?,
        }
        Ok(prepared)
    }

    /// Loads the data of an experiment and settles what there is to run; [`enter`](Self::enter)
    /// takes jobs up.
    ///
    /// # Errors
    /// If the data or the device is not available, or the weights of a record cannot be taken.
    pub fn of(
        experiment: Experiment,
        sweep: Option<&Sweep>,
        roots: &Roots,
        options: Options,
        interrupt: Interrupt,
    ) -> Result<Self, RunError> {
        let ResolvedDevice { device, kind } = device::choose(&experiment.device)?;
        // `gpu:0` and `gpu:1` are the same kind of device: the job's identity names the kind.
        let Settled { mut experiment, sweep, taken, warnings } = settle(experiment, sweep)?;
        kind.clone_into(&mut experiment.device);
        let mut plan = Plan::new(experiment, taken, roots)?;
        plan.dataset.warnings.extend(warnings);
        plan.check_labels()?;
        plan.check_classes()?;
        let fingerprints = plan.fingerprints();
        let (bounds, planned): (Vec<_>, Vec<_>) = all_jobs(sweep.as_ref(), &plan.experiment)
            .into_iter()
            .partition(|planned| plan.lacks_labels(&planned.job));
        plan.check_taken(planned.iter().map(|planned| &planned.job))?;
        let left_out: BTreeSet<String> = bounds
            .iter()
            .map(|PlannedJob { job, .. }| {
                format!(
                    "{} is left out for {}: it trains on target labels, and the target has none",
                    job.method.label,
                    job.task()
                )
            })
            .collect();
        plan.dataset.warnings.extend(left_out);
        let halving = sweep.and_then(|sweep| sweep.halving);
        let sharing = Sharing::new(&options.results, [], &fingerprints, VERSION);
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
        Ok(Self {
            plan,
            jobs: Vec::new(),
            setting,
            threads,
            workers,
            planned,
            halving,
            fingerprints,
            kind,
            domains: BTreeMap::new(),
        })
    }

    /// Takes up the jobs of the round at `place`, from 0, of successive halving; without halving
    /// there is one, of all jobs.
    ///
    /// # Errors
    /// If the round before is not finished, or its records cannot be read.
    pub fn enter(&mut self, place: usize) -> Result<(), RunError> {
        self.jobs = self.jobs_of(place)?;
        self.jobs.sort_by_key(|(job, _)| job.method.stages.len());
        self.setting.sharing = Sharing::new(
            &self.setting.results,
            self.jobs.iter().map(|(job, _)| job),
            &self.fingerprints,
            VERSION,
        );
        Ok(())
    }

    /// The jobs of a round with their records' headers.
    ///
    /// # Errors
    /// As [`enter`](Self::enter).
    pub fn jobs_of(&self, place: usize) -> Result<Vec<(Job, RecordHeader)>, RunError> {
        let results = &self.setting.results;
        jobs_of_round(&self.planned, self.halving.as_ref(), &self.fingerprints, results, place)
    }

    /// Number of rounds; 1 without successive halving.
    pub fn rounds(&self) -> usize {
        self.halving.as_ref().map_or(1, |halving| halving.rounds.len())
    }

    /// Extracts what a frozen extractor makes of the data, where there is one, and splits the
    /// samples.
    ///
    /// # Errors
    /// If a sample cannot be read, or the samples cannot be split.
    pub fn load(&mut self, progress: &dyn Progress) -> Result<(), RunError> {
        if !self.domains.is_empty() {
            return Ok(());
        }
        if self.plan.extracts_features() {
            self.plan.dataset =
                features::extract(&self.plan, &self.setting.device, self.kind, progress)
                    .map_err(RunError::Features)?;
        }
        let jobs = self.planned.iter().map(|planned| &planned.job);
        self.domains = self.plan.domains(jobs)?;
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
        let domains = &self.domains[&(views_id(job.data.views.as_ref()), job.seed)];
        let (data, transforms) = transformed(job, &self.plan.dataset, domains)?;
        let ready = ReadyData { data, splits: splits::of(job, &self.plan.dataset)?, transforms };
        let taken = self.plan.taken.of(&job.extractor);
        let run = || run_recorded(job, header, &ready, taken, &self.setting, watch);
        on_threads(self.threads, run)
    }

    /// The folder of a job's record.
    pub fn directory(&self, header: &RecordHeader) -> PathBuf {
        self.setting.results.join(&header.run.experiment).join(&header.run.id)
    }
}

/// The jobs of a round with their records' headers.
///
/// # Errors
/// If the round before is not finished, or its records cannot be read.
pub fn jobs_of_round(
    planned: &[PlannedJob],
    halving: Option<&Halving>,
    fingerprints: &Fingerprints,
    results: &Path,
    place: usize,
) -> Result<Vec<(Job, RecordHeader)>, RunError> {
    let header = |job: &PlannedJob| job.header(fingerprints.of(&job.job), VERSION);
    let planned = match halving {
        None => planned.to_vec(),
        Some(halving) => {
            let state = |run: &RunInfo| halving::outcome(results, run, &halving.validator);
            halving::jobs(planned, halving, place, &|job| state(&header(job).run))?
        }
    };
    let rounds = halving.map_or(1, |halving| halving.rounds.len());
    let last = halving.filter(|_| place + 1 == rounds);
    Ok(planned
        .into_iter()
        .map(|planned| {
            let header = header(&planned);
            let competed = |halving: &&Halving| match halving.compete {
                // Methods without settings compete with nobody.
                Competitors::Settings => !planned.settings.is_empty(),
                Competitors::Methods => !halving::goes_on(&planned, halving),
            };
            let header = match last.filter(competed) {
                Some(halving) => header.halved_by(&halving.validator),
                None => header,
            };
            (planned.job, header)
        })
        .collect())
}
