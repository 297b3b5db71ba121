//! Targets without labels, and prediction with the models of finished runs.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use isthmus_results::{Record, read_records};
use support::Sandbox;
use support::npz::{self, Array};

const EXPERIMENT: &str = r#"
name = "blind"
seeds = [1]

[data]
dataset = "quickstart"
tasks = ["fonts -> uci"]
protocol = "transductive"

[extractor]
name = "mlp"
hidden = [32]
dropout = 0.1

[classifier]
name = "linear"

[training]
iterations = 20
batch_size = 32
evaluate_every = 10

[training.optimizer]
name = "adam"

[selection]
validators = [{ name = "infomax" }, { name = "source-risk" }]

[methods.source-only]
align = [{ name = "source-only" }]

[methods.mcc]
align = [{ name = "mcc" }]

[methods.tent]
stages = [{ align = [{ name = "source-only" }] }, { align = [{ name = "tent" }] }]
"#;

fn run(sandbox: &Sandbox, results: &str, more: &[&str]) -> BTreeMap<String, Record> {
    let mut arguments = vec!["run", "blind.toml", "--results", results, "--jobs", "1"];
    arguments.extend(more);
    let said = sandbox.isthmus(&arguments);
    assert_eq!(said.code, 0, "{}", said.errors);
    let records = read_records(&[sandbox.path().join(results)]).unwrap().records;
    records.into_iter().map(|record| (record.run.method.clone(), record)).collect()
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("blind.toml", EXPERIMENT);
    sandbox
}

/// Every number that takes no target label, by stage, step and name.
fn label_free(record: &Record) -> Vec<(usize, usize, String, u64)> {
    let needs_labels =
        |name: &str| name.starts_with("target_") && name != "target_effective_classes";
    record
        .metrics
        .iter()
        .filter(|row| !needs_labels(&row.metric))
        .map(|row| (row.stage, row.step, row.metric.clone(), row.value.to_bits()))
        .collect()
}

#[test]
fn a_blind_run_differs_in_nothing_but_what_needs_the_targets_labels() {
    let sandbox = sandbox();
    let sighted = run(&sandbox, "sighted", &[]);
    let blind = run(&sandbox, "blind", &["--without-target-labels"]);
    assert_eq!(blind.len(), 3);
    for (method, blind) in &blind {
        let sighted = &sighted[method];
        let model = |record: &Record| fs::read(record.directory.join("model.safetensors")).unwrap();
        assert!(model(blind) == model(sighted), "{method}");
        assert_eq!(label_free(blind), label_free(sighted), "{method}");
        let names: Vec<&str> = blind.metrics.iter().map(|row| row.metric.as_str()).collect();
        assert!(names.contains(&"validator/infomax") && names.contains(&"source_accuracy"));
        assert!(!names.iter().any(|name| name.contains("target_acc")), "{names:?}");
        let predictions = blind.predictions().unwrap().unwrap();
        assert!(predictions.iter().all(|row| row.label.is_none()));
        let sighted = sighted.predictions().unwrap().unwrap();
        assert!(sighted.iter().all(|row| row.label.is_some()));
        for (blind, sighted) in predictions.iter().zip(&sighted) {
            assert_eq!((blind.predicted, &blind.name), (sighted.predicted, &sighted.name));
        }
    }
}

#[test]
fn tables_say_why_the_accuracy_is_not_there() {
    let sandbox = sandbox();
    run(&sandbox, "results", &["--without-target-labels"]);
    let said = sandbox.isthmus(&["compare", "results"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    assert!(said.answer.contains("no target labels"), "{}", said.answer);
    assert!(said.answer.contains("infomax"), "{}", said.answer);
}

#[test]
fn an_upper_bound_is_left_out_of_a_blind_run_with_a_reason() {
    let sandbox = Sandbox::new();
    let text = EXPERIMENT.replace("protocol = \"transductive\"", "protocol = { split = 0.3 }");
    sandbox.write(
        "blind.toml",
        &format!("{text}\n[methods.bound]\nalign = [{{ name = \"target-only\" }}]\n"),
    );
    let said = sandbox.isthmus(&[
        "run",
        "blind.toml",
        "--results",
        "results",
        "--jobs",
        "1",
        "--without-target-labels",
    ]);
    assert_eq!(said.code, 0, "{}", said.errors);
    assert!(said.errors.contains("`bound` is left out: it trains on target labels"));
    assert!(!said.answer.contains("bound"), "{}", said.answer);
}

/// The second column of a file of predictions: `name,class,…`.
fn classes(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().to_owned()).collect()
}

fn predict(sandbox: &Sandbox, record: &Record, data: &str, more: &[&str]) -> PathBuf {
    let output = sandbox.path().join("predictions.csv");
    let mut arguments = vec!["predict", record.directory.to_str().unwrap(), data, "--output"];
    arguments.push(output.to_str().unwrap());
    arguments.extend(more);
    let said = sandbox.isthmus(&arguments);
    assert_eq!(said.code, 0, "{}", said.errors);
    output
}

/// The labels serve here alone: the run is blind, and its predictions are scored by them.
#[test]
fn predictions_of_a_blind_run_have_the_accuracy_that_the_sighted_run_records() {
    let sandbox = sandbox();
    let sighted = run(&sandbox, "sighted", &[]);
    let blind = run(&sandbox, "blind", &["--without-target-labels"]);
    for method in ["source-only", "mcc"] {
        let predicted = classes(&predict(&sandbox, &blind[method], "quickstart", &[]));
        let rows = sighted[method].predictions().unwrap().unwrap();
        let right = rows
            .iter()
            .zip(&predicted)
            .filter(|(row, class)| row.label.unwrap().to_string() == **class)
            .count();
        let accuracy = right as f64 / rows.len() as f64;
        let recorded = sighted[method]
            .metrics
            .iter()
            .rfind(|row| row.metric == "target_accuracy")
            .unwrap()
            .value;
        assert_eq!(accuracy, recorded, "{method}");
    }
}

#[test]
fn a_stream_is_predicted_by_a_method_that_adapts_meanwhile() {
    let sandbox = sandbox();
    let records = run(&sandbox, "results", &[]);
    let first = fs::read(predict(&sandbox, &records["tent"], "quickstart", &[])).unwrap();
    let again = fs::read(predict(&sandbox, &records["tent"], "quickstart", &[])).unwrap();
    assert!(first == again);
    let plain = fs::read(predict(&sandbox, &records["source-only"], "quickstart", &[])).unwrap();
    assert!(first != plain);
}

#[test]
fn other_models_other_domains_and_other_forms_can_be_asked_for() {
    let sandbox = sandbox();
    let records = run(&sandbox, "results", &[]);
    let mcc = &records["mcc"];
    let fonts = predict(&sandbox, mcc, "quickstart", &["--domain", "fonts"]);
    assert_ne!(classes(&fonts).len(), mcc.predictions().unwrap().unwrap().len());
    predict(&sandbox, mcc, "quickstart", &["--choice", "infomax"]);
    let record = mcc.directory.to_str().unwrap();
    let said = sandbox.isthmus(&["predict", record, "quickstart", "--choice", "snd"]);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("holds no model that `snd` chose"), "{}", said.errors);
    let said = sandbox.isthmus(&["predict", record, "nowhere.npz"]);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("no such folder or file"), "{}", said.errors);
    let said = sandbox.isthmus(&["predict", record, "quickstart", "--output", "p.jsonl"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    assert!(sandbox.read("p.jsonl").starts_with("{\"name\":\"0\",\"class\":"));
}

/// Features of a file, of which one domain has labels for some rows and one for none.
#[test]
fn domains_may_have_labels_for_some_rows_or_none() {
    let sandbox = Sandbox::new();
    let features: Vec<f32> = (0..40).flat_map(|row| [(row % 2) as f32, 0.5]).collect();
    let labels: Vec<i64> = (0..40).map(|row| if row < 30 { row % 2 } else { -1 }).collect();
    write_npz(&sandbox, "datasets/d/a.npz", &features, Some(&labels));
    write_npz(&sandbox, "datasets/d/b.npz", &features, None);
    sandbox.write(
        "datasets/d.toml",
        "name = \"d\"\ndomains = [\n\
         { name = \"a\", reader = { name = \"features\", file = \"a.npz\" } },\n\
         { name = \"b\", reader = { name = \"features\", file = \"b.npz\", labelled = false } },\n]",
    );
    let text = EXPERIMENT
        .replace("dataset = \"quickstart\"", "dataset = \"d\"")
        .replace("fonts -> uci", "a -> b");
    sandbox.write("experiments/blind.toml", &text);
    let said =
        sandbox.isthmus(&["run", "experiments/blind.toml", "--results", "results", "--jobs", "1"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let records = read_records(&[sandbox.path().join("results")]).unwrap().records;
    assert_eq!(records.len(), 3);
    // The other way round there is nothing to learn from.
    sandbox.write("experiments/wrong.toml", &text.replace("a -> b", "b -> a"));
    let said = sandbox.isthmus(&["run", "experiments/wrong.toml", "--results", "results"]);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("domain `b` is a source and none of its samples has a label"));
    // A file is predicted by its rows.
    let record = records.iter().find(|record| record.run.method == "mcc").unwrap();
    let predicted = classes(&predict(&sandbox, record, "datasets/d/b.npz", &[]));
    assert_eq!(predicted.len(), 40);
}

fn write_npz(sandbox: &Sandbox, name: &str, features: &[f32], labels: Option<&[i64]>) {
    let rows = features.len() / 2;
    let shapes = [[rows, 2], [rows, 1]];
    let mut arrays = vec![("x", shapes[0].as_slice(), Array::Floats(features))];
    arrays.extend(labels.map(|labels| ("y", &shapes[1][..1], Array::Integers(labels))));
    npz::write_npz(&sandbox.path().join(name), &arrays);
}
