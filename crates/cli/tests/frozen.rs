//! Models over a backbone of pretrained weights that is not trained.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use isthmus_results::{Record, read_records};
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

/// The folder of weights, where there is one with those of the backbone.
fn weights() -> Option<PathBuf> {
    let stated = std::env::var_os("ISTHMUS_WEIGHTS").map(PathBuf::from);
    let has = |folder: &PathBuf| {
        let mut files = fs::read_dir(folder).into_iter().flatten();
        files.any(|entry| entry.is_ok_and(|entry| is_of_backbone(&entry.path())))
    };
    let found = stated.filter(has);
    if found.is_none() {
        println!("skipped: ISTHMUS_WEIGHTS names no folder with weights of efficientnet-lite0");
    }
    found
}

fn is_of_backbone(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().contains("efficientnet"))
}

fn size(folder: &Path) -> u64 {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

/// Runs the binary with weights from a folder; returns its exit code and what it said.
fn isthmus(sandbox: &Sandbox, arguments: &[&str], weights: &Path) -> (i32, String) {
    let output = sandbox.command(arguments).env("ISTHMUS_WEIGHTS", weights).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), text)
}

/// Fails unless the record is small for leaving out the file's tensors.
fn assert_short(record: &Record) {
    // CORAL's mapping of 1280 features takes 6.6 MB, the backbone 13.5 MB.
    let most = if record.run.method == "coral" { 7_000_000 } else { 2_000_000 };
    let bytes = size(&record.directory);
    assert!(bytes < most, "{}: the record has {bytes} bytes", record.run.method);
    let frozen = record.task_info().unwrap().unwrap().frozen.unwrap();
    let recorded = record.model().unwrap().unwrap();
    assert!(frozen.tensors.len() > 100);
    assert!(frozen.tensors.iter().all(|name| !recorded.contains_key(name)));
}

/// Fails unless `predict` says of the test samples what the run said.
fn assert_predicts_as_recorded(sandbox: &Sandbox, record: &Record, weights: &Path) {
    let folder = record.directory.to_str().unwrap();
    let predict = ["predict", folder, "quickstart-images", "--domain", "uci", "-o", "out.csv"];
    let (code, said) = isthmus(sandbox, &predict, weights);
    assert_eq!(code, 0, "{said}");
    let predictions = sandbox.read("out.csv");
    let class_of = |line: &str| line.split(',').nth(1).unwrap().to_owned();
    let by_name: BTreeMap<String, String> = predictions
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
}

/// Fails unless an export has the whole backbone, as its file has it.
fn assert_exports_whole(sandbox: &Sandbox, record: &Record, weights: &Path) {
    let folder = record.directory.to_str().unwrap();
    let (code, said) = isthmus(sandbox, &["export", folder, "--output", "exported"], weights);
    assert_eq!(code, 0, "{said}");
    let read = |path: &Path| isthmus_nn::weights::read(path).unwrap();
    let exported = read(&sandbox.path().join("exported/model.safetensors"));
    let file = fs::read_dir(weights).unwrap().map(|entry| entry.unwrap().path());
    let published = read(&file.into_iter().find(|path| is_of_backbone(path)).unwrap());
    let same = published.iter().filter(|(name, data)| {
        exported
            .get(&format!("extractor.{name}"))
            .is_some_and(|exported| exported.as_bytes() == data.as_bytes())
    });
    // Running statistics are the run's own.
    let same = same.count();
    assert!(same > 100, "{same} of {} tensors are the file's", published.len());
}

/// The tensors of the backbone stand in the record by the hash of their file.
#[test]
fn a_head_over_a_frozen_backbone_leaves_a_small_record_that_predicts() {
    let Some(weights) = weights() else { return };
    let sandbox = Sandbox::new();
    sandbox.write("head.toml", EXPERIMENT);
    let (code, said) = isthmus(&sandbox, &["run", "head.toml", "--jobs", "1"], &weights);
    assert_eq!(code, 0, "{said}");
    let record = read_records(&[sandbox.path().join("results")]).unwrap().records.remove(0);
    assert_short(&record);
    // What a forward pass moves is no less the run's own for not being trained.
    let recorded = record.model().unwrap().unwrap();
    assert!(recorded.keys().any(|name| name.starts_with("extractor.")));
    assert_predicts_as_recorded(&sandbox, &record, &weights);
    assert_exports_whole(&sandbox, &record, &weights);

    let folder = record.directory.to_str().unwrap();
    for command in [["predict", folder, "quickstart-images"], ["export", folder, "--output=out"]] {
        let (code, said) = isthmus(&sandbox, &command, sandbox.path());
        assert_eq!(code, 2, "{said}");
        let expected = "tensors of the pretrained weights of `efficientnet-lite0`";
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn whatever_predicts_leaves_out_what_the_file_has() {
    let Some(weights) = weights() else { return };
    let sandbox = Sandbox::new();
    let (before, _) = EXPERIMENT.split_once("[methods.source-only]").unwrap();
    let methods: String = ["mcd", "mean-teacher", "coral"]
        .map(|name| format!("[methods.{name}]\nalign = [{{ name = \"{name}\" }}]\n"))
        .concat();
    let text = before.replace("iterations = 6", "iterations = 2") + &methods;
    sandbox.write("head.toml", &text);
    let (code, said) = isthmus(&sandbox, &["run", "head.toml", "--jobs", "1"], &weights);
    assert_eq!(code, 0, "{said}");
    let records = read_records(&[sandbox.path().join("results")]).unwrap().records;
    assert_eq!(records.len(), 3);
    for record in &records {
        assert_short(record);
        assert_predicts_as_recorded(&sandbox, record, &weights);
        if record.run.method != "coral" {
            assert_exports_whole(&sandbox, record, &weights);
        }
    }
}

/// A record that leaves tensors out gives them all the same.
#[test]
fn a_run_begins_with_a_backbone_that_its_record_leaves_out() {
    let Some(weights) = weights() else { return };
    let sandbox = Sandbox::new();
    sandbox.write("head.toml", EXPERIMENT);
    let next = EXPERIMENT
        .replace("name = \"head\"", "name = \"next\"")
        .replace(
            "\"efficientnet-lite0\"",
            "\"efficientnet-lite0\"\nweights_from = \"results/head\"",
        )
        .replace("iterations = 6", "iterations = 1");
    sandbox.write("next.toml", &next);
    // Which file the network itself would begin with is of no account.
    let random = next
        .replace("\"next\"", "\"random\"")
        .replace("weights_from", "weights = \"random\"\nweights_from");
    sandbox.write("random.toml", &random);
    for file in ["head.toml", "next.toml", "random.toml"] {
        let (code, said) = isthmus(&sandbox, &["run", file, "--jobs", "1"], &weights);
        assert_eq!(code, 0, "{said}");
    }
    let of = |name: &str| {
        let folder = sandbox.path().join("results").join(name);
        read_records(&[folder]).unwrap().records.remove(0)
    };
    let (next, random) = (of("next"), of("random"));
    assert_short(&next);
    let taken = |record: &Record| record.task_info().unwrap().unwrap().weights_from.unwrap();
    assert_eq!(taken(&next), taken(&random));
    // Both trained from there to the same numbers.
    assert_eq!(next.metrics, random.metrics);
    let whole = random.model().unwrap().unwrap();
    let short = next.model().unwrap().unwrap();
    assert!(whole.len() > short.len() + 100);
    assert!(short.iter().all(|(name, data)| whole[name].as_bytes() == data.as_bytes()));

    let (code, said) = isthmus(&sandbox, &["check", "random.toml"], sandbox.path());
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("leaves out tensors of pretrained weights"), "{said}");
}
