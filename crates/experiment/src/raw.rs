//! The form of an experiment file, before anything of it is checked.
//!
//! These structs are the file's documentation: their doc comments become the JSON schema that
//! editors show, and the checker holds every file against that schema.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema, schema_for};
use serde::Deserialize;
use serde_json::Value;

use crate::raw_sweep::RawSweep;
use crate::schema::PLUGIN_KIND;
use isthmus_core::config::{
    AugmentationKind, BottleneckKind, ClassifierKind, CorruptionKind, ExtractorKind,
    FeatureTransformKind, LauncherKind, ObjectiveKind, OptimizerKind, ScheduleKind, TrackerKind,
    ValidatorKind,
};
use isthmus_core::context::Grouping;
use isthmus_core::parameter::ParameterSet;
use isthmus_core::registry::{Kind, PluginKind};
use isthmus_core::spec::{ClassSets, RecordSpec, StreamOrder, Transform};
use isthmus_core::updater::{LearningRateFactors, Role};

/// The schema key that holds the schema of a plugin table's keys that are not the plugin's own.
pub(crate) const PLUGIN_EXTRAS: &str = "x-plugin-extras";
/// The schema key that says that a plugin table need not name its plugin: the name comes from the
/// table that it is laid upon.
pub(crate) const PLUGIN_NAME_OPTIONAL: &str = "x-plugin-name-optional";

/// An isthmus experiment: methods compared on the tasks of one data set, with several seeds.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "describes the file; its parts are read one by one, with their places"
)]
#[schemars(rename = "Experiment")]
pub(crate) struct RawExperiment {
    /// Name of the experiment: the folder of its results. Letters, digits, `-`, `_` and `.`.
    name: String,
    /// What it is about, for people.
    #[serde(default)]
    description: String,
    /// The seeds: every method is run on every task once with each.
    #[serde(default = "default_seeds")]
    #[schemars(length(min = 1))]
    seeds: Vec<u64>,
    /// Where to compute: `cpu`, `gpu` (the first one) or `gpu:N`.
    #[serde(default = "default_device")]
    device: String,
    /// The data set and what is done with it.
    data: RawData,
    /// Turns inputs into features.
    extractor: ExtractorTable,
    /// Brings the features to the size that methods align. Absent: they are aligned as they are.
    bottleneck: Option<PluginTable<BottleneckKind>>,
    /// Turns features into class scores.
    classifier: PluginTable<ClassifierKind>,
    /// The loss on labelled rows, and how predictions are judged. Absent: `classes`.
    objective: Option<PluginTable<ObjectiveKind>>,
    /// How every stage is trained, where it says nothing else.
    #[serde(default)]
    training: RawTraining,
    /// How models are selected without target labels. Absent: tables show the last iterate, and
    /// all source samples are trained on.
    selection: Option<RawSelection>,
    /// What records keep besides metrics, predictions and models.
    record: Option<RecordSpec>,
    /// Settings to try: the experiment is run with each combination of them.
    sweep: Option<RawSweep>,
    /// Who starts the runs. Absent: `local`, which runs them here.
    launcher: Option<PluginTable<LauncherKind>>,
    /// Who is told what runs measure while they are trained, such as `[{ name = "tensorboard" }]`.
    /// Absent: nobody.
    trackers: Option<Vec<PluginTable<TrackerKind>>>,
    /// The methods to compare, by the label that tables show.
    methods: BTreeMap<String, RawMethod>,
}

/// The data set and what is done with it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Data")]
pub(crate) struct RawData {
    /// Name of the data set; `isthmus list dataset` shows them.
    pub(crate) dataset: String,
    /// The tasks: `"all"` for every ordered pair of domains, or a list of
    /// `"source -> target"`, several sources as `"source + source -> target"`. The target may be a
    /// stream of several domains, named in `streams`.
    pub(crate) tasks: RawTasks,
    /// Which samples are tested on.
    #[serde(default)]
    pub(crate) protocol: RawProtocol,
    /// Whether the target's labels, where it has any, serve to evaluate on it. With `false` they are
    /// dropped when the data is read, as if there were none: accuracy on the target, and whatever
    /// else needs them, is absent.
    #[serde(default = "yes")]
    pub(crate) target_labels: bool,
    /// Targets that are several domains, one after the other, by a name that tasks use. A method
    /// that trains sees them as one target; a test-time method is shown one after the other. Metrics
    /// are of all of them, and of each.
    #[serde(default)]
    pub(crate) streams: BTreeMap<String, Vec<RawShift>>,
    /// In which order a test-time method is shown the samples of each target domain.
    #[serde(default)]
    pub(crate) stream_order: StreamOrder,
    /// The classes that sources and targets have, where they differ: for partial adaptation (the
    /// target has fewer classes) and open-set adaptation (it has others). Absent: both have all.
    #[serde(default)]
    pub(crate) classes: Option<ClassSets>,
    /// How images and sound become inputs. Absent: the transform that suits the extractor.
    #[serde(default)]
    pub(crate) transform: Option<Transform>,
    /// What features or series go through before the model is trained on them, in order, such as
    /// `[{ name = "z-score" }]`; of a frozen extractor, its features. Fitted for each run on the
    /// training samples of its task, without labels, kept in its record, and applied by `predict`.
    /// Absent: nothing.
    #[expect(dead_code, reason = "plugin tables are read where they stand")]
    pub(crate) feature_transforms: Option<Vec<PluginTable<FeatureTransformKind>>>,
    /// How samples are augmented while the model is trained, after the transform's random crop and
    /// flip. Absent: not at all.
    #[expect(dead_code, reason = "plugin tables are read where they stand")]
    pub(crate) views: Option<RawViews>,
}

/// A part of a stream: a domain of the data set, or its samples corrupted at some severities.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Shift")]
pub(crate) struct RawShift {
    /// The domain. It can be a source of the same task where `protocol` is `given` and it has a
    /// test set of its own, which is what is then adapted to and tested on.
    pub(crate) domain: String,
    /// What is done to its samples, after the transform and before they are augmented: the same in
    /// every run. Absent: nothing.
    #[serde(default)]
    #[expect(dead_code, reason = "plugin tables are read where they stand")]
    pub(crate) corruption: Option<PluginTable<CorruptionKind>>,
    /// How strong the corruption is, from 1 to 5: one shift each, in this order. Absent: all five,
    /// the weakest first.
    #[schemars(length(min = 1), inner(range(min = 1, max = 5)))]
    pub(crate) severities: Option<Vec<u8>>,
}

/// How samples are augmented while the model is trained: lists of augmentations, applied in order
/// after `transform`'s random crop and flip. Samples that are tested or scored are never augmented.
/// Of a frozen extractor the features are augmented, since it sees each image once.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Views")]
pub(crate) struct RawViews {
    /// What every training sample goes through, such as `[{ name = "gaussian-noise" }]`. Absent:
    /// nothing.
    #[expect(dead_code, reason = "plugin tables are read where they stand")]
    pub(crate) weak: Option<Vec<PluginTable<AugmentationKind>>>,
    /// What a strong view goes through in place of `weak`, for methods that compare a weak and a
    /// strong view of a sample, such as `fixmatch`. Absent: as `weak`.
    #[expect(dead_code, reason = "plugin tables are read where they stand")]
    pub(crate) strong: Option<Vec<PluginTable<AugmentationKind>>>,
}

/// `"all"`, one task, or a list of tasks.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Tasks")]
pub(crate) enum RawTasks {
    /// `"all"` or one task.
    One(String),
    /// A list of tasks.
    Many(#[schemars(length(min = 1))] Vec<String>),
}

/// Which samples are tested on.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Protocol")]
pub(crate) enum RawProtocol {
    /// The model is trained on all target samples, without their labels, and tested on them: the
    /// usual protocol of Office-31 and its kin.
    #[default]
    Transductive,
    /// The data set's own training and test sets.
    Given,
    /// A share of each domain, in (0, 1), is held out for testing, drawn by the seed: of a source the
    /// same share of every class, of a target without a look at its labels.
    Split(#[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))] f64),
}

/// How models are selected without target labels: every evaluation is scored by each validator,
/// and `isthmus compare` shows what each of them would choose beside the last iterate and the
/// oracle.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Selection")]
pub(crate) struct RawSelection {
    /// The validators: `isthmus list validator` shows them.
    #[expect(dead_code, reason = "plugin tables are read where they stand")]
    #[schemars(length(min = 1))]
    pub(crate) validators: Vec<PluginTable<ValidatorKind>>,
    /// Share of each class of the training samples, in (0, 1), that is held out and that
    /// validators score: of every source, with labels; of the target, without, unless the
    /// protocol is `transductive`, where they score all its samples. 0.1 where nothing is said.
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
    pub(crate) validation_share: Option<f64>,
}

/// How a stage is trained. A method's `training` is laid upon the experiment's, a stage's upon
/// its method's.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Training")]
pub(crate) struct RawTraining {
    /// Number of steps (updates); 1000 where nothing is said.
    #[schemars(range(min = 1))]
    pub(crate) iterations: Option<usize>,
    /// Rows of each domain in a batch; 32 where nothing is said.
    #[schemars(range(min = 1))]
    pub(crate) batch_size: Option<usize>,
    /// The optimizer; `sgd` where nothing is said. Without a name, fields of the table are laid
    /// upon the optimizer that would be used otherwise.
    #[serde(default)]
    #[expect(dead_code, reason = "plugin tables are read where they stand")]
    pub(crate) optimizer: PluginTable<OptimizerKind, false>,
    /// The schedule of the learning rate; `constant` where nothing is said.
    #[serde(default)]
    #[expect(dead_code, reason = "plugin tables are read where they stand")]
    pub(crate) schedule: PluginTable<ScheduleKind, false>,
    /// Factors of the learning rate by part of the model.
    pub(crate) learning_rate_factors: Option<LearningRateFactors>,
    /// Largest Euclidean norm of all gradients of an update; 0, as where nothing is said: no
    /// clipping.
    #[schemars(range(min = 0.0))]
    pub(crate) gradient_clipping: Option<f64>,
    /// Batches whose gradients are averaged for one update, 1 where nothing is said: 4 batches of
    /// 8 rows train as one of 32 does, in the memory of 8, where no norm layer takes statistics of
    /// the batch.
    #[schemars(range(min = 1))]
    pub(crate) accumulate: Option<usize>,
    /// Parameters that are updated otherwise than by `optimizer` and `schedule`: by role of their
    /// network or by what they are in their layer. Of several groups that hold a parameter the
    /// last one counts.
    #[expect(dead_code, reason = "groups are read where they stand")]
    pub(crate) groups: Option<Vec<RawGroup>>,
    /// Which rows normalisation layers normalise together; `shared` where nothing is said.
    pub(crate) normalization: Option<Grouping>,
    /// Steps between evaluations; a tenth of the iterations where nothing is said. The last step
    /// is always evaluated.
    #[schemars(range(min = 1))]
    pub(crate) evaluate_every: Option<usize>,
}

/// Parameters that are updated in a way of their own.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ParameterGroup")]
pub(crate) struct RawGroup {
    /// Roles of the networks whose parameters these are. Absent: of any network.
    pub(crate) roles: Option<Vec<Role>>,
    /// Which parameters of these networks: `weights`, `biases` and `norms` (scale and shift of
    /// normalisation layers). Absent: all.
    pub(crate) parameters: Option<Vec<ParameterSet>>,
    /// The optimizer of these parameters, with a state of its own. Without a name, fields of the
    /// table are laid upon `training.optimizer`.
    #[serde(default)]
    #[expect(dead_code, reason = "plugin tables are read where they stand")]
    pub(crate) optimizer: PluginTable<OptimizerKind, false>,
    /// Their schedule. Without a name, fields of the table are laid upon `training.schedule`.
    #[serde(default)]
    #[expect(dead_code, reason = "plugin tables are read where they stand")]
    pub(crate) schedule: PluginTable<ScheduleKind, false>,
    /// Weight decay in place of the optimizer's: 0 keeps norms and biases from decaying.
    #[schemars(range(min = 0.0))]
    pub(crate) weight_decay: Option<f64>,
}

/// One row of the table: a method, or a chain of stages.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "describes the file; its parts are read one by one, with their places"
)]
#[schemars(rename = "Method")]
pub(crate) struct RawMethod {
    /// The method, or the loss terms that add up, of the only stage.
    align: Option<Vec<AlignTable>>,
    /// The stages, in order, for methods that start from a trained model. Instead of `align`.
    stages: Option<Vec<RawStage>>,
    /// How its stages are trained, where it differs from the experiment's `training`.
    training: Option<RawTraining>,
}

/// One stage of a chain.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "describes the file; its parts are read one by one, with their places"
)]
#[schemars(rename = "Stage")]
pub(crate) struct RawStage {
    /// The method, or the loss terms that add up.
    align: Vec<AlignTable>,
    /// How the stage is trained, where it differs from its method's `training`.
    training: Option<RawTraining>,
}

/// Keys of `[extractor]` that are not the extractor plugin's own.
#[derive(Clone, Debug, Default, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ExtractorExtras {
    /// Whether the extractor keeps its weights: features are then extracted once and cached.
    pub(crate) frozen: bool,
    /// The record of a finished run whose extractor's weights this one begins with, such as
    /// `"results/digits/0123456789abcdef"`, or a folder with one finished run, such as
    /// `"results/backbone"`; relative to the current folder. That run's extractor must be the same,
    /// its `weights` aside, and trained. Runs are told apart by the weights, not by the folder.
    /// Absent: the weights that the extractor's own fields say.
    pub(crate) weights_from: Option<String>,
    /// Which model of that record: `"last"`, or the validator that chose it. Absent: the last.
    pub(crate) weights_choice: Option<String>,
}

/// Keys of an entry of `align` that are not the method plugin's own.
#[derive(Clone, Debug, Default, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AlignExtras {
    /// Factor of the term in the loss. Absent: the default of the term, which `explain` tells.
    #[schemars(range(min = 0.0))]
    pub(crate) weight: Option<f64>,
    /// Name of this entry in records and logs, to tell two of one kind apart. Absent: the name of
    /// the method. Letters, digits, `-` and `_`.
    pub(crate) label: Option<String>,
}

/// A table that names a plugin, with the plugin's fields. Read by [`super::plugin::resolve`].
pub(crate) struct PluginTable<K, const NAMED: bool = true>(PhantomData<K>);

impl<K, const NAMED: bool> Default for PluginTable<K, NAMED> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<'de, K, const NAMED: bool> Deserialize<'de> for PluginTable<K, NAMED> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self::default())
    }
}

impl<K: PluginKind, const NAMED: bool> JsonSchema for PluginTable<K, NAMED> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}-table", K::KIND).into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        let mut schema = json_schema!({ "type": "object", (PLUGIN_KIND): K::KIND.name() });
        if !NAMED {
            schema.insert(PLUGIN_NAME_OPTIONAL.to_owned(), Value::Bool(true));
        }
        schema
    }
}

struct ExtractorTable;

impl JsonSchema for ExtractorTable {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "extractor-table".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            (PLUGIN_KIND): ExtractorKind::KIND.name(),
            (PLUGIN_EXTRAS): schema_for!(ExtractorExtras),
        })
    }
}

struct AlignTable;

impl JsonSchema for AlignTable {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "align-table".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            (PLUGIN_KIND): Kind::Method.name(),
            (PLUGIN_EXTRAS): schema_for!(AlignExtras),
        })
    }
}

/// The file's schema, with plugin tables marked and not yet described.
pub(crate) fn file_schema() -> Value {
    schema_for!(RawExperiment).to_value()
}

/// The schema of the extra keys of `[extractor]`.
pub(crate) fn extractor_extras() -> Value {
    schema_for!(ExtractorExtras).to_value()
}

/// The schema of the extra keys of an entry of `align`.
pub(crate) fn align_extras() -> Value {
    schema_for!(AlignExtras).to_value()
}

fn default_seeds() -> Vec<u64> {
    vec![1]
}

fn yes() -> bool {
    true
}

fn default_device() -> String {
    "cpu".to_owned()
}
