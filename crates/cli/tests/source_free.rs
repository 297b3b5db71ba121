//! A stage of methods that need no source reads no file of the source: they are gone by then.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use image::{Rgb, RgbImage};
use isthmus as _; // links the plugins
use isthmus_core::metric::Measurement;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_data::Roots;
use isthmus_engine::{EngineError, JobOutcome, Observer, run_job};

#[path = "support/jobs.rs"]
mod jobs;

use jobs::{data_at, job_on};

const DESCRIPTOR: &str = r#"name = "mine"
domains = [
    { name = "studio", reader = { name = "image-folder", path = "studio" } },
    { name = "phone", reader = { name = "image-folder", path = "phone" } },
]
"#;

const EXPERIMENT: &str = r#"
name = "source-free"

[data]
dataset = "mine"
tasks = ["studio -> phone"]
protocol = "transductive"
transform = { resize = 4 }

[extractor]
name = "mlp"
hidden = [8]
frozen = false

[classifier]
name = "linear"

[training]
iterations = 6
batch_size = 4

[training.optimizer]
name = "sgd"
lr = 0.01

[methods.two-stages]
stages = [{ align = [{ name = "source-only" }] }, { align = [{ name = "METHOD" }] }]
"#;

/// Takes the source's files away where the second stage begins, and keeps what is measured then.
struct Remover {
    source: PathBuf,
    stage: usize,
    measured: Vec<Measurement>,
}

impl Observer for Remover {
    fn stage_started(&mut self, stage: usize, _steps: usize) -> Result<(), EngineError> {
        self.stage = stage;
        if stage == 1 {
            fs::remove_dir_all(&self.source).unwrap();
        }
        Ok(())
    }

    fn evaluated(
        &mut self,
        stage: usize,
        _step: usize,
        measurements: &[Measurement],
        _model: &mut dyn FnMut() -> Vec<NamedTensor>,
    ) -> Result<(), EngineError> {
        if stage == 1 {
            self.measured.extend_from_slice(measurements);
        }
        Ok(())
    }
}

fn pictures(folder: &Path, shift: u8) {
    for (class, red) in [("cat", 10), ("dog", 200)] {
        fs::create_dir_all(folder.join(class)).unwrap();
        for number in 0..8 {
            let picture = RgbImage::from_pixel(4, 4, Rgb([red + shift + number, 0, 0]));
            picture.save(folder.join(class).join(format!("{number}.png"))).unwrap();
        }
    }
}

/// Runs the stages; the source is gone in the second.
fn run(method: &str) -> (Result<JobOutcome, EngineError>, Remover) {
    let repository = tempfile::tempdir().unwrap();
    let datasets = repository.path().join("datasets");
    pictures(&datasets.join("mine/studio"), 0);
    pictures(&datasets.join("mine/phone"), 20);
    fs::write(datasets.join("mine.toml"), DESCRIPTOR).unwrap();
    let text = EXPERIMENT.replace("METHOD", method);
    let job = job_on(&text, "mine", ["studio", "phone"], None).unwrap();
    let file = repository.path().join("experiments/source_free.toml");
    let data = data_at(&job, &Roots::discover(Some(&file)));
    let mut remover =
        Remover { source: datasets.join("mine/studio"), stage: 0, measured: Vec::new() };
    let outcome = run_job(&job, &data, &Device::flex(), None, &mut remover);
    (outcome, remover)
}

#[test]
fn methods_without_a_source_go_on_when_its_files_are_gone() {
    for method in ["shot", "nrc", "dirt-t"] {
        let (outcome, Remover { stage, measured, .. }) = run(method);
        outcome.unwrap();
        assert_eq!(stage, 1);
        let has = |prefix: &str| measured.iter().any(|(name, _)| name.starts_with(prefix));
        assert!(has("target_accuracy") && !has("source_"), "{measured:?}");
    }
}

#[test]
fn a_method_that_reads_the_source_cannot() {
    let (outcome, _) = run("pseudo-label");
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("studio"), "{error}");
}
