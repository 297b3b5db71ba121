//! Makes records of runs that never ran.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod choices;

use std::path::{Path, PathBuf};

use isthmus_core::context::Grouping;
use isthmus_core::spec::{
    Align, DataSpec, Experiment, ExtractorSpec, Job, MethodSpec, PluginSpec, Protocol, StageSpec,
    Task, TrainingSpec,
};
use isthmus_core::updater::LearningRateFactors;
use isthmus_results::record::Environment;
use isthmus_results::{RecordHeader, RecordWriter};
use serde_json::json;

pub const FINGERPRINT: &str = "0011223344556677";

pub fn plugin(name: &str) -> PluginSpec {
    PluginSpec { name: name.to_owned(), config: json!({}) }
}

pub fn task(source: &str, target: &str) -> Task {
    Task::new([source], target)
}

/// A method of `stages` stages.
pub fn method(label: &str, stages: usize) -> MethodSpec {
    let stage = StageSpec {
        align: vec![Align { plugin: plugin(label), label: label.to_owned(), weight: 1.0 }],
        training: TrainingSpec {
            iterations: 10,
            batch_size: 4,
            optimizer: PluginSpec { name: "sgd".to_owned(), config: json!({ "lr": 0.01 }) },
            schedule: plugin("constant"),
            learning_rate_factors: LearningRateFactors::default(),
            gradient_clipping: None,
            accumulate: 1,
            groups: Vec::new(),
            normalization: Grouping::Shared,
            evaluate_every: 5,
            stop_after: None,
        },
    };
    MethodSpec { label: label.to_owned(), stages: vec![stage; stages] }
}

/// An experiment of one-stage methods on Office-31.
pub fn experiment(methods: &[&str], tasks: &[(&str, &str)], seeds: &[u64]) -> Experiment {
    Experiment {
        name: "office".to_owned(),
        description: String::new(),
        data: DataSpec::new(
            "office31",
            tasks.iter().map(|(source, target)| task(source, target)).collect(),
            Protocol::Transductive,
        ),
        extractor: ExtractorSpec { plugin: plugin("identity"), frozen: true, weights_from: None },
        bottleneck: None,
        classifier: plugin("linear"),
        objective: plugin("classes"),
        selection: None,
        record: None,
        methods: methods.iter().map(|label| method(label, 1)).collect(),
        seeds: seeds.to_vec(),
        device: "cpu".to_owned(),
        launcher: Default::default(),
        trackers: Vec::new(),
    }
}

pub fn environment() -> Environment {
    Environment::detect("cpu", 2)
}

pub fn header(experiment: &Experiment, job: &Job) -> RecordHeader {
    let upper_bound = job.method.label == "target-only";
    RecordHeader::new(experiment, job, FINGERPRINT, "0.1.0", upper_bound)
}

/// Writes the record of a run that reached `accuracy`.
pub fn write_run(results: &Path, experiment: &Experiment, job: &Job, accuracy: f64) -> PathBuf {
    let mut writer =
        RecordWriter::create(results, &header(experiment, job), environment()).unwrap();
    let last = job.method.stages.len() - 1;
    writer.evaluation(last, 5, &[("target_accuracy", 0.0), ("source_loss", 2.0)]).unwrap();
    writer
        .evaluation(last, 10, &[("target_accuracy", accuracy), ("source_loss", 1.0 - accuracy)])
        .unwrap();
    writer.finish().unwrap()
}

/// Writes all runs of an experiment; `accuracy` gives the value of method, task and seed.
pub fn write_all(
    results: &Path,
    experiment: &Experiment,
    accuracy: impl Fn(&str, &Task, u64) -> Option<f64>,
) {
    for job in experiment.jobs() {
        if let Some(value) = accuracy(&job.method.label, job.task(), job.seed) {
            write_run(results, experiment, &job, value);
        }
    }
}

/// One evaluation: stage, step, names and values.
pub type Evaluation<'a> = (usize, usize, &'a [(&'a str, f64)]);

/// Writes the record of a run of a sweep with these evaluations; no sweep where `settings` is
/// `{}`.
pub fn write_evaluations(
    results: &Path,
    experiment: &Experiment,
    job: &Job,
    settings: serde_json::Value,
    evaluations: &[Evaluation<'_>],
) -> PathBuf {
    let settings = settings.as_object().unwrap().clone();
    let header = header(experiment, job).with_settings(settings);
    let mut writer = RecordWriter::create(results, &header, environment()).unwrap();
    for (stage, step, values) in evaluations {
        writer.evaluation(*stage, *step, values).unwrap();
    }
    writer.finish().unwrap()
}

/// Writes `number` records with the bytes that [`RecordWriter`] writes, but without waiting for
/// the disk: each is `template` with its own seed and id. A tenth of a second a thousand.
pub fn write_many(folder: &Path, template: &Path, number: usize) {
    use sha2::{Digest, Sha256};
    let digest = |text: &str| -> String { format!("{:x}", Sha256::digest(text)) };
    let read = |name: &str| std::fs::read_to_string(template.join(name)).unwrap();
    let (job, metrics) = (read("job.json"), read("metrics.csv"));
    let id = template.file_name().unwrap().to_str().unwrap();
    std::fs::create_dir_all(folder).unwrap();
    for place in 0..number {
        let seed = place + 1000;
        let own = format!("{:016x}", (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let job = job.replace(id, &own).replace("\"seed\": 1", &format!("\"seed\": {seed}"));
        let done = format!("{}  job.json\n{}  metrics.csv\n", digest(&job), digest(&metrics));
        let directory = folder.join(own);
        std::fs::create_dir(&directory).unwrap();
        for (name, text) in [("job.json", &job), ("metrics.csv", &metrics), ("done", &done)] {
            std::fs::write(directory.join(name), text).unwrap();
        }
    }
}
