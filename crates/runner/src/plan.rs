//! What an experiment's jobs run on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use isthmus_core::dataset::Domain;
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::objective::OutputKind;
use isthmus_core::random::Key;
use isthmus_core::registry::{self, ExtractorKind, Kind};
use isthmus_core::spec::{DataSpec, Experiment, ExtractorSpec, Job, Task, Transform, ViewsSpec};
use isthmus_data::{
    Dataset, DatasetIdentity, DomainUse, LoadedDomain, LoadedSet, Roots, Views, hold_out_source,
    hold_out_target, joined_domain,
};
use isthmus_engine::{JobData, uses_target_labels, weights};

use crate::weights_from::{Taken, WeightsFromError};

/// Largest number of pixels of an image that counts as small: networks for such images are so
/// small that jobs side by side serve the processors better than threads within one.
const SMALL_IMAGE: usize = 64 * 64;

/// What identifies the content of the files that runs read, by task: other tasks of the same file
/// do not concern a run.
#[derive(Clone, Debug, Default)]
pub struct Fingerprints(BTreeMap<String, String>);

impl Fingerprints {
    /// Those of an experiment whose data and pretrained weights these are.
    pub fn new(experiment: &Experiment, data: &DatasetIdentity, weights: Option<&str>) -> Self {
        let of_task = |task: &Task| {
            let targets = task.targets();
            let names = task.sources.iter().chain(&targets).map(String::as_str);
            let data = data.fingerprint_of(names);
            let fingerprint = match weights {
                Some(weights) => format!("{data}+{weights}"),
                None => data,
            };
            (task.to_string(), fingerprint)
        };
        Self(experiment.data.tasks.iter().map(of_task).collect())
    }

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
    /// What extractors take from records of other runs.
    pub taken: Taken,
    /// Where the data is looked for.
    roots: Roots,
}

/// What identifies views: data sets that differ in nothing else.
pub type ViewsId = String;

/// What identifies the views of a job.
pub fn views_id(views: Option<&ViewsSpec>) -> ViewsId {
    serde_json::to_string(&views).expect("views are plain data")
}

impl Plan {
    /// Loads the data of an experiment, whose transform is settled.
    ///
    /// # Errors
    /// If it is not found, cannot be read, or its parts do not fit each other.
    pub fn new(experiment: Experiment, taken: Taken, roots: &Roots) -> Result<Self, DataError> {
        let weights = weights(&experiment.extractor);
        let mut data = experiment.data.clone();
        if experiment.extractor.frozen {
            // The views are those of its features.
            data.views = None;
        }
        let dataset = Dataset::load(&data, roots)?;
        Ok(Self { experiment, dataset, weights, taken, roots: roots.clone() })
    }

    /// Folder of the cache of features.
    pub fn cache(&self) -> &Path {
        &self.roots.cache
    }

    /// The data with the views of a sweep's variant. Images are read again where these differ from
    /// the file's.
    ///
    /// # Errors
    /// If an augmentation cannot change such samples, or the data cannot be read again or is
    /// another by now.
    fn with_views(&self, views: Option<&ViewsSpec>) -> Result<Dataset, DataError> {
        if self.extracts_features() {
            // What was loaded are features without views.
            let views = Views::new(views)?;
            return self.dataset.map_sets(|_, set| {
                let source = views.over(set.source.clone())?;
                Ok(LoadedSet { source, fingerprint: set.fingerprint.clone() })
            });
        }
        if views == self.experiment.data.views.as_ref() {
            return Ok(self.dataset.clone());
        }
        let data = DataSpec { views: views.cloned(), ..self.experiment.data.clone() };
        let dataset = Dataset::load(&data, &self.roots)?;
        if dataset.identity != self.dataset.identity {
            return Err(DataError::Mismatch(
                "the files of the data set were changed while it was read".to_owned(),
            ));
        }
        Ok(dataset)
    }

    /// Identifies the content of everything that a task's runs read from files, task by task.
    pub fn fingerprints(&self) -> Fingerprints {
        Fingerprints::new(&self.experiment, &self.dataset.identity, self.weights.as_deref())
    }

    /// Whether the extractor's features are computed beforehand.
    pub fn extracts_features(&self) -> bool {
        self.experiment.extractor.frozen
    }

    /// Whether a training step is so small that threads inside it do not pay.
    pub fn has_small_steps(&self) -> bool {
        let small = |shape| match shape {
            InputShape::Features { .. }
            | InputShape::Series { .. }
            | InputShape::VariableSeries { .. } => true,
            InputShape::Image { height, width, .. } => height * width <= SMALL_IMAGE,
            InputShape::Text => false,
        };
        self.extracts_features()
            || self
                .dataset
                .domains
                .iter()
                .flat_map(|domain| domain.sets())
                .all(|set| small(set.source.samples.shape()))
    }

    /// Whether some sample of a domain has a label.
    fn has_labels(&self, name: &str) -> bool {
        let named = |domain: &&LoadedDomain| domain.name == name;
        let sets = self.dataset.domains.iter().filter(named).flat_map(LoadedDomain::sets);
        sets.into_iter().any(|set| set.source.targets.known_rows() > 0)
    }

    /// Refuses tasks whose sources have no labels to learn from.
    ///
    /// # Errors
    /// Names the domain.
    pub fn check_labels(&self) -> Result<(), DataError> {
        let sources = self.experiment.data.tasks.iter().flat_map(|task| &task.sources);
        match sources.into_iter().find(|name| !self.has_labels(name)) {
            None => Ok(()),
            Some(name) => Err(DataError::Mismatch(format!(
                "domain `{name}` is a source and none of its samples has a label: use it as a \
                 target only, or give it labels"
            ))),
        }
    }

    /// Refuses targets with classes that nothing can predict.
    ///
    /// # Errors
    /// Says which objective can.
    pub fn check_classes(&self) -> Result<(), DataError> {
        let name = &self.experiment.objective.name;
        let outputs = registry::find(Kind::Objective, name).map(|plugin| plugin.outputs);
        if self.dataset.has_unknown_classes() && outputs != Some(OutputKind::OpenClasses) {
            return Err(DataError::Mismatch(format!(
                "`data.classes` gives targets classes that the sources have not, and the objective \
                 `{name}` has no output for them: use `open-set`, or leave them out"
            )));
        }
        Ok(())
    }

    /// Refuses weights of records that were trained on samples of another shape.
    ///
    /// # Errors
    /// Names the first tensor that does not fit.
    pub fn check_taken<'j>(
        &self,
        jobs: impl IntoIterator<Item = &'j Job>,
    ) -> Result<(), WeightsFromError> {
        let mut checked = BTreeSet::new();
        let mut sets = self.dataset.domains.iter().flat_map(LoadedDomain::sets);
        let Some(shape) = sets.next().map(|set| set.source.samples.shape()) else { return Ok(()) };
        for job in jobs {
            let extractor = &job.extractor;
            let Some(taken) = self.taken.of(extractor) else { continue };
            if !job.data.feature_transforms.is_empty() {
                // The shape is known once they are fitted; the network is checked then.
                continue;
            }
            // A frozen extractor predicts with the statistics that it has.
            let sources = if extractor.frozen { taken.sources } else { job.task().sources.len() };
            let key = (&taken.info.sha256, extractor.plugin.config.to_string(), sources);
            if checked.insert(key) {
                taken.check(&extractor.plugin, shape, sources)?;
            }
        }
        Ok(())
    }

    /// Whether a job needs labels of a target that has none.
    pub fn lacks_labels(&self, job: &Job) -> bool {
        let targets = job.task().targets();
        job.method.stages.iter().any(uses_target_labels)
            && !targets.iter().any(|target| self.has_labels(target))
    }

    /// The domains by views and seed: which samples are held out may depend on it.
    ///
    /// # Errors
    /// If a domain cannot be split, or the data of a sweep's views cannot be read.
    pub fn domains<'j>(
        &self,
        jobs: impl IntoIterator<Item = &'j Job>,
    ) -> Result<BTreeMap<(ViewsId, u64), Domains>, DataError> {
        let views: BTreeMap<ViewsId, Option<&ViewsSpec>> = jobs
            .into_iter()
            .map(|job| (views_id(job.data.views.as_ref()), job.data.views.as_ref()))
            .collect();
        let mut all = BTreeMap::new();
        for (id, views) in views {
            let dataset = self.with_views(views)?;
            for &seed in &self.experiment.seeds {
                let protocol = self.experiment.data.protocol;
                let domains = |used_as| dataset.domains(protocol, used_as, &Key::new(seed));
                let sources = domains(DomainUse::Source)?;
                let targets = domains(DomainUse::Target)?;
                all.insert((id.clone(), seed), Domains { sources, targets });
            }
        }
        Ok(all)
    }
}

/// The domains of a data set, split into training and test samples.
pub struct Domains {
    /// Each as a source.
    pub sources: Vec<Domain>,
    /// Each as the target.
    pub targets: Vec<Domain>,
}

/// The domains of a job's task, with what is held out for its validators.
///
/// # Errors
/// If a domain has too few samples to hold any out.
///
/// # Panics
/// If the task names a domain that was not loaded; the domains of every task are.
pub fn job_data(job: &Job, dataset: &Dataset, domains: &Domains) -> Result<JobData, DataError> {
    fn domain<'d>(domains: &'d [Domain], name: &str) -> &'d Domain {
        let domain = domains.iter().find(|domain| domain.name == name);
        domain.expect("the domains of every task were loaded")
    }
    let task = job.task();
    let target = |name: &String| {
        let target = domain(&domains.targets, name);
        if job.data.target_labels { target.clone() } else { target.without_targets() }
    };
    let targets: Vec<Domain> = task.targets().iter().map(target).collect();
    let sources = task.sources.iter().map(|name| domain(&domains.sources, name));
    let (sources, mut targets) = match &job.selection {
        None => (sources.cloned().collect(), targets),
        Some(selection) => {
            let key = Key::new(job.seed);
            let share = selection.validation_share;
            let sources = sources
                .map(|source| hold_out_source(source, share, &key))
                .collect::<Result<_, _>>()?;
            let targets = targets.iter().map(|target| hold_out_target(target, share, &key));
            (sources, targets.collect())
        }
    };
    let (target, shifts) = match task.shifts.is_empty() {
        true => (targets.remove(0), Vec::new()),
        false => (joined_domain(&task.target, &targets)?, targets),
    };
    let classes = dataset.classes.clone();
    Ok(JobData { classes, target_classes: dataset.target_classes(), sources, target, shifts })
}

/// The experiment with the transform that suits its extractor, where it states none.
pub fn with_transform(mut experiment: Experiment) -> Experiment {
    if experiment.data.transform.is_none() {
        experiment.data.transform = own_transform(&experiment.extractor);
    }
    experiment
}

fn own_transform(extractor: &ExtractorSpec) -> Option<Transform> {
    let builder = registry::builder::<ExtractorKind>(&extractor.plugin.name).ok()?;
    (builder.transform)(&extractor.plugin.config)
}
