//! What an experiment's jobs run on.

use std::collections::BTreeMap;

use isthmus_core::dataset::Domain;
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::random::Key;
use isthmus_core::registry::{self, Build, Kind};
use isthmus_core::spec::{Experiment, ExtractorSpec, Job, Task, Transform};
use isthmus_data::{Dataset, Roots, hold_out_source, hold_out_target};
use isthmus_engine::JobData;

/// Largest number of pixels of an image that counts as small: networks for such images are so
/// small that jobs side by side serve the processors better than threads within one.
const SMALL_IMAGE: usize = 64 * 64;

/// What identifies the content of the files that runs read, by task: other tasks of the same file
/// do not concern a run.
#[derive(Clone, Debug, Default)]
pub struct Fingerprints(BTreeMap<String, String>);

impl Fingerprints {
    /// That of a job's task.
    ///
    /// # Panics
    /// If the job is of another experiment.
    pub fn of(&self, job: &Job) -> &str {
        &self.0[&job.task().to_string()]
    }
}

/// An experiment with its data.
pub struct Plan {
    /// The experiment, its transform settled.
    pub experiment: Experiment,
    /// The data; of a frozen extractor's experiment, its features once they are extracted.
    pub dataset: Dataset,
    /// What identifies the extractor's pretrained weights.
    pub weights: Option<String>,
}

impl Plan {
    /// Loads the data of an experiment.
    ///
    /// # Errors
    /// If it is not found, cannot be read, or its parts do not fit each other.
    pub fn new(mut experiment: Experiment, roots: &Roots) -> Result<Self, DataError> {
        let extractor = &experiment.extractor;
        if experiment.data.transform.is_none() {
            experiment.data.transform = own_transform(extractor);
        }
        let weights = weights(extractor);
        let mut data = experiment.data.clone();
        if extractor.frozen {
            // The views are those of its features.
            data.views = None;
        }
        let dataset = Dataset::load(&data, roots)?;
        Ok(Self { experiment, dataset, weights })
    }

    /// Identifies the content of everything that a task's runs read from files, task by task.
    pub fn fingerprints(&self) -> Fingerprints {
        let of_task = |task: &Task| {
            let names = task.sources.iter().chain([&task.target]).map(String::as_str);
            let data = self.dataset.fingerprint_of(names);
            let fingerprint = match &self.weights {
                Some(weights) => format!("{data}+{weights}"),
                None => data,
            };
            (task.to_string(), fingerprint)
        };
        Fingerprints(self.experiment.data.tasks.iter().map(of_task).collect())
    }

    /// Whether the extractor's features are computed beforehand.
    pub fn extracts_features(&self) -> bool {
        self.experiment.extractor.frozen
    }

    /// Whether a training step is so small that threads inside it do not pay.
    pub fn has_small_steps(&self) -> bool {
        let small = |shape| match shape {
            InputShape::Features { .. } | InputShape::Series { .. } => true,
            InputShape::Image { height, width, .. } => height * width <= SMALL_IMAGE,
        };
        self.extracts_features()
            || self
                .dataset
                .domains
                .iter()
                .flat_map(|domain| domain.sets())
                .all(|set| small(set.source.samples.shape()))
    }

    /// The domains by seed: which samples are held out may depend on it.
    ///
    /// # Errors
    /// If a domain cannot be split.
    pub fn domains_by_seed(&self) -> Result<BTreeMap<u64, Vec<Domain>>, DataError> {
        let protocol = self.experiment.data.protocol;
        self.experiment
            .seeds
            .iter()
            .map(|&seed| Ok((seed, self.dataset.domains(protocol, &Key::new(seed))?)))
            .collect()
    }
}

/// The domains of a job's task, with what is held out for its validators.
///
/// # Errors
/// If a domain has too few samples to hold any out.
///
/// # Panics
/// If the task names a domain that was not loaded; the domains of every task are.
pub fn job_data(job: &Job, classes: &[String], domains: &[Domain]) -> Result<JobData, DataError> {
    let domain = |name: &String| {
        domains
            .iter()
            .find(|domain| domain.name == *name)
            .expect("the domains of every task were loaded")
    };
    let task = job.task();
    let target = domain(&task.target);
    let sources = task.sources.iter().map(domain);
    let (sources, target) = match &job.selection {
        None => (sources.cloned().collect(), target.clone()),
        Some(selection) => {
            let key = Key::new(job.seed);
            let share = selection.validation_share;
            let sources = sources
                .map(|source| hold_out_source(source, share, &key))
                .collect::<Result<_, _>>()?;
            (sources, hold_out_target(target, share, &key))
        }
    };
    Ok(JobData { classes: classes.to_vec(), sources, target })
}

fn own_transform(extractor: &ExtractorSpec) -> Option<Transform> {
    match registry::find(Kind::Extractor, &extractor.plugin.name)?.build {
        Build::Extractor { transform, .. } => transform(&extractor.plugin.config),
        _ => None,
    }
}

fn weights(extractor: &ExtractorSpec) -> Option<String> {
    match registry::find(Kind::Extractor, &extractor.plugin.name)?.build {
        Build::Extractor { weights, .. } => weights(&extractor.plugin.config),
        _ => None,
    }
}
