//! What a record says of its run.

use isthmus_core::metric::Metrics;
use isthmus_core::spec::{Experiment, Job, Task};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::files::sha256;

/// Places of a run's method and task in the experiment file; tables keep this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Place of the method, from 0.
    pub method: usize,
    /// Place of the task, from 0.
    pub task: usize,
}

/// What tables need to know of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The run's id: 16 hexadecimal digits.
    pub id: String,
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the data set.
    pub dataset: String,
    /// Label of the method.
    pub method: String,
    /// Source domains and target domain.
    pub task: Task,
    /// The seed.
    pub seed: u64,
    /// Number of stages.
    pub stages: usize,
    /// Whether target labels were trained on: an upper bound, not an adaptation method.
    pub target_labels_used: bool,
    /// Identifies everything that decides the run's numbers but task, seed and the data's
    /// content: 8 hexadecimal digits. Runs that differ only in task or seed share it.
    pub configuration: String,
    /// Identifies the data's content.
    pub data_fingerprint: String,
    /// Version of isthmus.
    pub isthmus_version: String,
    /// Place in the experiment file.
    pub position: Position,
    /// What its metrics mean, the primary one first. Records that name none are of classes.
    #[serde(default)]
    pub metrics: Metrics,
    /// The values that a sweep set, by key of the experiment file; empty without one.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Value>,
    /// The round of successive halving that it was run in, from 1, where that is not the last
    /// one: the run then stops before its end, and is no result of the experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<usize>,
    /// The validator of successive halving that the run's settings went through, where it is one
    /// of the last round's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halving: Option<String>,
}

/// What a record is begun with.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordHeader {
    /// What tables need.
    pub run: RunInfo,
    /// The resolved job.
    pub job: Job,
}

impl RecordHeader {
    /// The header of `job`, one of `experiment`'s jobs.
    ///
    /// `data_fingerprint` identifies the data's content, `isthmus_version` the program;
    /// `target_labels_used` marks an upper bound. The metrics are those of classes unless
    /// [`with_metrics`](Self::with_metrics) names others.
    pub fn new(
        experiment: &Experiment,
        job: &Job,
        data_fingerprint: &str,
        isthmus_version: &str,
        target_labels_used: bool,
    ) -> Self {
        let methods = &experiment.methods;
        let tasks = &experiment.data.tasks;
        let position = Position {
            method: methods.iter().position(|m| *m == job.method).unwrap_or(methods.len()),
            task: tasks.iter().position(|task| task == job.task()).unwrap_or(tasks.len()),
        };
        let run = RunInfo {
            id: job.id(data_fingerprint, isthmus_version),
            experiment: experiment.name.clone(),
            dataset: job.data.dataset.clone(),
            method: job.method.label.clone(),
            task: job.task().clone(),
            seed: job.seed,
            stages: job.method.stages.len(),
            target_labels_used,
            configuration: configuration(job, isthmus_version),
            data_fingerprint: data_fingerprint.to_owned(),
            isthmus_version: isthmus_version.to_owned(),
            position,
            metrics: Metrics::classes(),
            settings: Map::new(),
            round: None,
            halving: None,
        };
        Self { run, job: job.clone() }
    }

    /// The same header for a run that these metrics are measured of, the primary one first.
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        self.run.metrics = metrics;
        self
    }

    /// The same header for a run of a sweep that set these values, by key of the experiment file.
    pub fn with_settings(mut self, settings: Map<String, Value>) -> Self {
        self.run.settings = settings;
        self
    }

    /// The same header for a run of the last round of successive halving by this validator.
    pub fn halved_by(mut self, validator: &str) -> Self {
        self.run.halving = Some(validator.to_owned());
        self
    }

    /// The same header for a run in this round of successive halving, from 1, where that is not
    /// the last one.
    pub fn in_round(mut self, round: Option<usize>) -> Self {
        self.run.round = round;
        self
    }
}

/// What runs of one row of a table have in common: the job without task and seed.
pub(crate) fn without_task_and_seed(mut job: Value) -> Value {
    if let Some(fields) = job.as_object_mut() {
        fields.remove("seed");
        if let Some(data) = fields.get_mut("data").and_then(Value::as_object_mut) {
            data.remove("tasks");
        }
    }
    job
}

fn configuration(job: &Job, isthmus_version: &str) -> String {
    let job = serde_json::to_value(job.without_places()).expect("a job is plain data");
    let text = format!("{isthmus_version}\n{}", without_task_and_seed(job));
    sha256(text.as_bytes())[..8].to_owned()
}

/// What `job.json` holds, as it is written.
#[derive(Serialize)]
pub(super) struct JobFile<'a> {
    pub format: u32,
    pub run: &'a RunInfo,
    pub job: &'a Job,
}

/// `job.json` as tables read it: the job itself is skipped, since tables of many runs need none
/// of it and an older isthmus may have written fields that this one lacks.
#[derive(Deserialize)]
pub(super) struct RunFile {
    pub format: u32,
    pub run: RunInfo,
}

/// The format alone, for files whose other fields cannot be read.
#[derive(Deserialize)]
pub(super) struct FormatFile {
    pub format: u32,
}
