//! Models over a backbone of pretrained weights that is not trained.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use isthmus_results::read_records;
use support::Sandbox;

const EXPERIMENT: &str = r#"
name = "head"
seeds = [1]
[data]
dataset = "quickstart-images"
tasks = ["fonts -> uci"]
protocol = { split = 0.9 }
transform = { resize = 32, channels = 3 }
[extractor]
name = "efficientnet-lite0"
[classifier]
name = "linear"
[training]
iterations = 6
batch_size = 8
evaluate_every = 6
[training.learning_rate_factors]
extractor = 0.0
[methods.source-only]
align = [{ name = "source-only" }]
"#;

fn weights() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("ISTHMUS_WEIGHTS")?);
    let has = |entry: std::io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().to_string_lossy().contains("efficientnet"))
    };
    fs::read_dir(&folder).ok()?.any(has).then_some(folder)
}

fn size(folder: &Path) -> u64 {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

/// The tensors of the backbone stand in the record by the hash of their file.
#[test]
fn a_head_over_a_frozen_backbone_leaves_a_small_record_that_predicts() {
    let Some(weights) = weights() else {
        println!("skipped: ISTHMUS_WEIGHTS names no folder with weights of efficientnet-lite0");
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.write("head.toml", EXPERIMENT);
    let isthmus = |arguments: &[&str], weights: &Path| {
        let output = sandbox.command(arguments).env("ISTHMUS_WEIGHTS", weights).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), text)
    };
    let (code, said) = isthmus(&["run", "head.toml", "--jobs", "1"], &weights);
    assert_eq!(code, 0, "{said}");
    let record = read_records(&[sandbox.path().join("results")]).unwrap().records.remove(0);
    let bytes = size(&record.directory);
    assert!(bytes < 2_000_000, "the record has {bytes} bytes");
    let frozen = record.task_info().unwrap().unwrap().frozen.unwrap();
    let recorded = record.model().unwrap().unwrap();
    assert!(frozen.tensors.len() > 100);
    assert!(frozen.tensors.iter().all(|name| !recorded.contains_key(name)));
    // What a forward pass moves is no less the run's own for not being trained.
    assert!(recorded.keys().any(|name| name.starts_with("extractor.")));

    let folder = record.directory.to_str().unwrap();
    let predict = ["predict", folder, "quickstart-images", "--domain", "uci", "-o", "out.csv"];
    let (code, said) = isthmus(&predict, &weights);
    assert_eq!(code, 0, "{said}");
    let predictions = sandbox.read("out.csv");
    let class_of = |line: &str| line.split(',').nth(1).unwrap().to_owned();
    let by_name: std::collections::BTreeMap<String, String> = predictions
        .lines()
        .skip(1)
        .map(|line| (line.split(',').next().unwrap().to_owned(), class_of(line)))
        .collect();
    let test = fs::read_to_string(record.directory.join("predictions.csv")).unwrap();
    let mut rows = 0;
    for line in test.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(by_name[fields[1]], fields[3], "{line}");
        rows += 1;
    }
    assert!(rows > 1000);

    let (code, said) = isthmus(&predict, sandbox.path());
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("tensors of the pretrained weights of `efficientnet-lite0`"), "{said}");
}
