//! A checked experiment: every name resolved, every default filled in, every range checked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::context::Grouping;
use crate::spec::plugin::PluginSpec;
use crate::spec::task::{StreamOrder, Task};
use crate::spec::transform::Transform;
use crate::spec::weights_from::WeightsFrom;
use crate::updater::{GroupSelector, LearningRateFactors};

/// One method in a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Align {
    /// The method.
    pub plugin: PluginSpec,
    /// Name of the entry, unique in its stage.
    pub label: String,
    /// Factor of its term; 1 for methods that are no terms.
    pub weight: f64,
}

/// Which target samples are trained on and which are tested on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// All target samples are trained on, without labels, and tested on: the usual protocol of
    /// Office-31 and its kin.
    Transductive,
    /// The data set's own training and test sets.
    Given,
    /// A seeded share of each domain is held out for testing: of sources stratified, of targets
    /// without a look at labels.
    Split {
        /// The share held out, in (0, 1).
        test_share: f64,
    },
}

/// What data an experiment uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataSpec {
    /// Name of the data set, as its descriptor states it.
    pub dataset: String,
    /// Source and target domains.
    pub tasks: Vec<Task>,
    /// Which samples are tested on.
    pub protocol: Protocol,
    /// Whether the target's labels serve to evaluate on it, where it has any.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub target_labels: bool,
    /// In which order test-time methods are shown the target's samples.
    #[serde(default, skip_serializing_if = "StreamOrder::is_shuffled")]
    pub stream_order: StreamOrder,
    /// The classes that sources and targets have; absent: all, both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<ClassSets>,
    /// How images and sound become inputs; absent for features.
    pub transform: Option<Transform>,
    /// What features or series go through before they are augmented, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub feature_transforms: Vec<PluginSpec>,
    /// How training samples are augmented; absent: as the transform says, and no further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<ViewsSpec>,
}

impl DataSpec {
    /// Tasks of a data set, and nothing else stated.
    pub fn new(dataset: &str, tasks: Vec<Task>, protocol: Protocol) -> Self {
        Self {
            dataset: dataset.to_owned(),
            tasks,
            protocol,
            target_labels: true,
            stream_order: StreamOrder::default(),
            classes: None,
            transform: None,
            feature_transforms: Vec::new(),
            views: None,
        }
    }
}

/// How samples are augmented while a model is trained, after the transform's random crop and flip.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ViewsSpec {
    /// What makes a weak view, in order.
    pub weak: Vec<PluginSpec>,
    /// What makes a strong view, in order.
    pub strong: Vec<PluginSpec>,
}

/// The classes that sources and targets have, for tasks in which they differ. Samples of other
/// classes are left out; samples without a label stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ClassSets")]
pub struct ClassSets {
    /// Names of the classes of every source, which are those that the model tells apart. Absent:
    /// all.
    #[schemars(length(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Vec<String>>,
    /// Names of the classes of every target. Fewer than the sources have is partial adaptation;
    /// others than they have are unknown to the model, which needs the objective `open-set`.
    /// Absent: all.
    #[schemars(length(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Vec<String>>,
}

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

/// The extractor and how it is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExtractorSpec {
    /// The extractor.
    pub plugin: PluginSpec,
    /// Whether features are extracted once and the extractor is not trained.
    pub frozen: bool,
    /// The record whose extractor's weights this one begins with; absent: as its plugin says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_from: Option<WeightsFrom>,
}

/// Parameters that are updated in a way of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupSpec {
    /// Which ones.
    pub selector: GroupSelector,
    /// Their optimizer.
    pub optimizer: PluginSpec,
    /// Their schedule.
    pub schedule: PluginSpec,
}

/// How a stage is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingSpec {
    /// Number of steps.
    pub iterations: usize,
    /// Rows of each domain in a batch.
    pub batch_size: usize,
    /// The optimizer.
    pub optimizer: PluginSpec,
    /// The schedule.
    pub schedule: PluginSpec,
    /// Factors of the learning rate by part.
    pub learning_rate_factors: LearningRateFactors,
    /// Largest Euclidean norm of all gradients of an update; absent: no clipping.
    pub gradient_clipping: Option<f64>,
    /// Batches whose gradients are averaged for one update.
    pub accumulate: usize,
    /// Parameters with an optimizer of their own.
    pub groups: Vec<GroupSpec>,
    /// Which rows the norm layers normalise together.
    pub normalization: Grouping,
    /// Steps between evaluations; the last step is always evaluated.
    pub evaluate_every: usize,
    /// The step after which the stage stops before its time, in a round of successive halving;
    /// schedules are those of all `iterations`. Absent: the stage is run to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_after: Option<usize>,
}

impl TrainingSpec {
    /// Number of steps that are run: all iterations, or those before the stage is stopped.
    pub fn steps(&self) -> usize {
        self.stop_after.map_or(self.iterations, |step| step.min(self.iterations))
    }
}

/// One stage: at most one driver and any number of terms, or one method of another kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageSpec {
    /// The methods.
    pub align: Vec<Align>,
    /// How it is trained.
    pub training: TrainingSpec,
}

/// One row of the table: a chain of stages under a label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MethodSpec {
    /// The label.
    pub label: String,
    /// The stages, in order.
    pub stages: Vec<StageSpec>,
}

/// How models are selected without target labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelectionSpec {
    /// The validators that score every evaluation.
    pub validators: Vec<PluginSpec>,
    /// Share of the training samples that is held out for them, in (0, 1).
    pub validation_share: f64,
}

/// Which models records keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeptModels {
    /// The last one, and those that validators choose.
    #[default]
    All,
    /// The last one: choices are still made of the metrics, and shown in tables.
    Last,
    /// None: nothing can be predicted or exported, and no other run can begin with the weights.
    None,
}

impl KeptModels {
    /// Whether it is the choice where nothing is said.
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What records keep besides metrics and predictions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Record")]
pub struct RecordSpec {
    /// Which models: of thousands of runs of a small network they are most of what is stored.
    #[serde(skip_serializing_if = "KeptModels::is_default")]
    pub models: KeptModels,
    /// Features, logits and labels of so many test samples of the (first) source and as many of the
    /// target by the final model, and their features before adaptation: for t-SNE in reports. 0:
    /// none. Before adaptation means: by the model that the last of several stages starts from,
    /// such as the trained source model; where there is one stage, what the extractor makes of the
    /// samples before the first step, without the bottleneck, which nothing has trained. No metric
    /// depends on it.
    pub outputs: usize,
    /// The terms of the target-error bound of Ben-David et al. (2010) for the final model: source
    /// error, proxy A-distance, error of a joint classifier, and their sum beside the true target
    /// error; also the squared MMD of the features. Uses target labels, for this alone.
    pub theory: bool,
}

/// A checked experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Name of the experiment: the folder of its results.
    pub name: String,
    /// What it is about, for people.
    pub description: String,
    /// The data.
    pub data: DataSpec,
    /// The extractor.
    pub extractor: ExtractorSpec,
    /// The bottleneck, if there is one.
    pub bottleneck: Option<PluginSpec>,
    /// The classifier.
    pub classifier: PluginSpec,
    /// The loss on labelled rows, and how predictions are judged.
    pub objective: PluginSpec,
    /// How models are selected; absent: the last iterate is all there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<SelectionSpec>,
    /// The methods to compare.
    pub methods: Vec<MethodSpec>,
    /// What records keep besides the usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordSpec>,
    /// The seeds to run.
    pub seeds: Vec<u64>,
    /// The device: `cpu`, `gpu` or `gpu:N`.
    pub device: String,
    /// Who starts the runs; no run's numbers depend on it. Absent: the launcher
    /// [`LOCAL`](crate::launcher::LOCAL).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launcher: Option<PluginSpec>,
    /// Who is told what runs measure; no run's numbers depend on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trackers: Vec<PluginSpec>,
}

/// One run: one method on one task with one seed. Everything that decides its numbers, but the
/// data's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The data; `tasks` holds this job's task only.
    pub data: DataSpec,
    /// The extractor.
    pub extractor: ExtractorSpec,
    /// The bottleneck, if there is one.
    pub bottleneck: Option<PluginSpec>,
    /// The classifier.
    pub classifier: PluginSpec,
    /// The loss on labelled rows, and how predictions are judged.
    pub objective: PluginSpec,
    /// How models are selected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<SelectionSpec>,
    /// The method.
    pub method: MethodSpec,
    /// What the record keeps besides the usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordSpec>,
    /// The seed.
    pub seed: u64,
    /// The kind of device: numbers differ between kinds.
    pub device: String,
}

impl Experiment {
    /// The jobs: methods, then tasks, then seeds.
    pub fn jobs(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for method in &self.methods {
            for task in &self.data.tasks {
                for &seed in &self.seeds {
                    jobs.push(Job {
                        data: DataSpec { tasks: vec![task.clone()], ..self.data.clone() },
                        extractor: self.extractor.clone(),
                        bottleneck: self.bottleneck.clone(),
                        classifier: self.classifier.clone(),
                        objective: self.objective.clone(),
                        selection: self.selection.clone(),
                        method: method.clone(),
                        record: self.record.clone(),
                        seed,
                        device: self.device.clone(),
                    });
                }
            }
        }
        jobs
    }
}

impl Job {
    /// Which models its record keeps.
    pub fn kept_models(&self) -> KeptModels {
        self.record.as_ref().map(|record| record.models).unwrap_or_default()
    }

    /// The task.
    pub fn task(&self) -> &Task {
        &self.data.tasks[0]
    }

    /// Identifies what the first `stages` stages leave: a hash of everything that decides it, 16
    /// hexadecimal digits. Jobs that begin alike, under whatever label, share it.
    pub fn stages_id(&self, stages: usize, data_fingerprint: &str, version: &str) -> String {
        let mut job = self.clone();
        job.method.label.clear();
        job.method.stages.truncate(stages);
        job.record = None;
        job.hash(data_fingerprint, version)
    }

    /// Identifies the run: a hash of everything that decides its numbers, 16 hexadecimal digits.
    pub fn id(&self, data_fingerprint: &str, version: &str) -> String {
        self.hash(data_fingerprint, version)
    }

    /// Whether its extractor begins with weights that were trained on labels of its target, which are
    /// not those of a source too: an upper bound.
    pub fn begins_with_target_labels(&self) -> bool {
        let task = self.task();
        let labelled = self.extractor.weights_from.iter().flat_map(|from| &from.labelled);
        labelled.filter(|known| known.dataset == self.data.dataset).any(|known| {
            task.target_domains().contains(&known.domain.as_str())
                && !task.sources.contains(&known.domain)
        })
    }

    /// The job without what decides none of its numbers: where the weights were found that it takes
    /// from another run's record.
    pub fn without_places(&self) -> Self {
        let mut job = self.clone();
        let from = &mut job.extractor.weights_from;
        *from = from.as_ref().map(WeightsFrom::without_place);
        job
    }

    fn hash(&self, data_fingerprint: &str, version: &str) -> String {
        let text = serde_json::to_string(&self.without_places()).expect("a job is plain data");
        let mut hasher = Sha256::new();
        for part in [text.as_str(), data_fingerprint, version] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        format!("{:.16x}", hasher.finalize())
    }
}
