//! Exported models: what PyTorch makes of them, what the card says, what is refused.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use isthmus_core::named_tensor::NamedTensor;
use isthmus_results::record::encode_for_pytorch;
use isthmus_results::{Record, read_records};
use serde_json::Value;
use support::npz::{Array, write_npz};
use support::{Said, Sandbox, python_with, repository};

const ROWS: usize = 48;
const CLASSES: usize = 3;

/// An experiment on the data set `d` with these tables between `[data]` and `[methods]`.
fn experiment(parts: &str, methods: &str) -> String {
    format!(
        "name = \"e\"\nseeds = [1]\n\n[data]\ndataset = \"d\"\ntasks = [\"a -> b\"]\n\
         protocol = \"transductive\"\n\n{parts}\n\n[training]\niterations = 12\nbatch_size = 16\n\n\
         [training.optimizer]\nname = \"adam\"\n\n[record]\noutputs = 1000\n\n{methods}"
    )
}

const SOURCE_ONLY: &str = "[methods.source-only]\nalign = [{ name = \"source-only\" }]\n";

/// Values of rows of three classes, spread by a formula.
fn values(size: usize, seed: usize) -> Vec<f32> {
    let value = |row: usize, column: usize| {
        let noise = ((row * 7919 + column * 104_729 + seed * 31) % 1009) as f32 / 1009.0 - 0.5;
        noise + if column % CLASSES == row % CLASSES { 1.0 } else { 0.0 }
    };
    (0..ROWS).flat_map(|row| (0..size).map(move |column| value(row, column))).collect()
}

fn labels() -> Vec<i64> {
    (0..ROWS).map(|row| (row % CLASSES) as i64).collect()
}

const DESCRIPTOR: &str = "name = \"d\"\ntitle = \"Made up\"\nlicence = \"CC0 <1.0>\"\n\
                          classes = [\"a_b\", \"c|d\", \"e\"]\n";

/// Domains of vectors of `size` values.
fn features(sandbox: &Sandbox, size: usize) {
    let reader = |name: &str| {
        format!(
            "{{ name = \"{name}\", reader = {{ name = \"features\", file = \"{name}.npz\" }} }}"
        )
    };
    sandbox.write(
        "datasets/d.toml",
        &format!("{DESCRIPTOR}domains = [{}, {}]\n", reader("a"), reader("b")),
    );
    for (seed, name) in ["a", "b"].into_iter().enumerate() {
        let path = sandbox.path().join(format!("datasets/d/{name}.npz"));
        let (x, y) = (values(size, seed), labels());
        let shape = [ROWS, size];
        let x = ("x", shape.as_slice(), Array::Floats(&x));
        write_npz(&path, &[x, ("y", &[ROWS], Array::Integers(&y))]);
    }
}

/// Domains of images.
fn images(sandbox: &Sandbox, channels: usize, extent: usize) {
    let reader = |name: &str| {
        format!(
            "{{ name = \"{name}\", reader = {{ name = \"npz-images\", file = \"{name}.npz\" }} }}"
        )
    };
    sandbox.write(
        "datasets/d.toml",
        &format!("{DESCRIPTOR}domains = [{}, {}]\n", reader("a"), reader("b")),
    );
    for (seed, name) in ["a", "b"].into_iter().enumerate() {
        let path = sandbox.path().join(format!("datasets/d/{name}.npz"));
        let values = values(channels * extent * extent, seed);
        let pixels: Vec<u8> =
            values.iter().map(|value| ((value + 0.5) * 127.0).clamp(0.0, 255.0) as u8).collect();
        let (shape, labels) = ([ROWS, extent, extent, channels], labels());
        let pixels = ("images", shape.as_slice(), Array::Bytes(&pixels));
        write_npz(&path, &[pixels, ("labels", &[ROWS], Array::Integers(&labels))]);
    }
}

fn run(sandbox: &Sandbox, text: &str) -> BTreeMap<String, Record> {
    sandbox.write("experiments/e.toml", text);
    let said =
        sandbox.isthmus(&["run", "experiments/e.toml", "--results", "results", "--jobs", "1"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let records = read_records(&[sandbox.path().join("results")]).unwrap().records;
    records.into_iter().map(|record| (record.run.method.clone(), record)).collect()
}

fn export(sandbox: &Sandbox, record: &Record, more: &[&str]) -> Said {
    let folder = record.directory.to_str().unwrap();
    sandbox.isthmus(&[&["export", folder, "--output", "exported"], more].concat())
}

/// Exports every run of an experiment and compares PyTorch's outputs with the recorded ones.
fn compare(sandbox: &Sandbox, text: &str, array: &str) {
    let Some(python) = python_with("numpy, safetensors.torch, torch") else {
        eprintln!("skipped: no Python with torch, safetensors and numpy (see ISTHMUS_PYTHON)");
        return;
    };
    for (method, record) in run(sandbox, text) {
        let said = export(sandbox, &record, &[]);
        assert_eq!(said.code, 0, "{method}: {}", said.errors);
        let folder = record.directory.to_str().unwrap();
        let said = sandbox.isthmus(&["predict", folder, "d", "--output", "predictions.csv"]);
        assert_eq!(said.code, 0, "{method}: {}", said.errors);
        let output = Command::new(&python)
            .arg(repository().join("tests/pytorch/compare.py"))
            .arg(repository().join("docs/export.md"))
            .args(["exported", "datasets/d/b.npz", array])
            .arg(&record.directory)
            .arg("predictions.csv")
            .current_dir(sandbox.path())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{method}: {errors}");
        let differences: Value = serde_json::from_slice(&output.stdout).unwrap();
        eprintln!("{method}: {differences}");
        assert_eq!(differences["rows"], ROWS);
        assert!(differences["spread"].as_f64().unwrap() > 0.05, "{method}: outputs are alike");
        for what in ["logits", "probabilities"] {
            assert!(differences[what].as_f64().unwrap() < 1e-4, "{method}: {differences}");
        }
    }
}

#[test]
fn pytorch_computes_the_outputs_of_a_linear_head() {
    let sandbox = Sandbox::new();
    features(&sandbox, 7);
    let parts = "[extractor]\nname = \"identity\"\n\n[classifier]\nname = \"linear\"";
    compare(&sandbox, &experiment(parts, SOURCE_ONLY), "x");
}

const MLP: &str = "[extractor]\nname = \"mlp\"\nhidden = [12, 10]\nactivation = \"gelu\"\n\
                   dropout = 0.2\n\n[bottleneck]\nname = \"linear\"\nsize = 9\n\n\
                   [classifier]\nname = \"mlp\"\nhidden = [8]\nbatch_norm = true";

#[test]
fn pytorch_computes_the_outputs_of_mlps_whatever_predicts() {
    let methods = "[methods.mcd]\nalign = [{ name = \"mcd\" }]\n\n\
                   [methods.mean-teacher]\nalign = [{ name = \"mean-teacher\" }]\n\n\
                   [methods.adabn]\nstages = [{ align = [{ name = \"source-only\" }] }, \
                   { align = [{ name = \"adabn\" }] }]\n";
    let sandbox = Sandbox::new();
    features(&sandbox, 7);
    compare(&sandbox, &experiment(MLP, methods), "x");
}

#[test]
fn pytorch_normalises_as_samples_of_the_target_are() {
    for grouping in ["per-domain", "mixed"] {
        let sandbox = Sandbox::new();
        features(&sandbox, 7);
        let parts =
            MLP.replace("name = \"mlp\"\nhidden = [8]\nbatch_norm = true", "name = \"cosine\"");
        let text = experiment(&parts, "[methods.mcc]\nalign = [{ name = \"mcc\" }]\n");
        let stated = format!("batch_size = 16\nnormalization = \"{grouping}\"");
        compare(&sandbox, &text.replace("batch_size = 16", &stated), "x");
    }
}

#[test]
fn pytorch_computes_the_outputs_of_lenet() {
    let sandbox = Sandbox::new();
    images(&sandbox, 1, 28);
    let parts = "[extractor]\nname = \"lenet\"\n\n[classifier]\nname = \"linear\"";
    compare(&sandbox, &experiment(parts, SOURCE_ONLY), "images");
}

const RESNET: &str = "[data.transform]\nmean = [0.485, 0.456, 0.406]\nstd = [0.2, 0.3, 0.25]\n\n\
                      [extractor]\nname = \"resnet18\"\nweights = \"random\"\n\n\
                      [classifier]\nname = \"linear\"";

#[test]
fn pytorch_computes_the_outputs_of_resnet18() {
    let sandbox = Sandbox::new();
    images(&sandbox, 3, 32);
    let text = experiment(RESNET, SOURCE_ONLY).replace("iterations = 12", "iterations = 4");
    compare(&sandbox, &text, "images");
}

/// Names and shapes in a safetensors file.
fn tensors(sandbox: &Sandbox) -> BTreeMap<String, Vec<u64>> {
    let bytes = fs::read(sandbox.path().join("exported/model.safetensors")).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: BTreeMap<String, Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    assert_eq!(header["__metadata__"]["format"], "pt");
    let shape = |value: &Value| {
        value["shape"].as_array().unwrap().iter().map(|extent| extent.as_u64().unwrap()).collect()
    };
    let named = header.iter().filter(|(name, _)| *name != "__metadata__");
    named.map(|(name, value)| (name.clone(), shape(value))).collect()
}

#[test]
fn weights_are_named_and_the_card_tells_what_they_are() {
    let sandbox = Sandbox::new();
    features(&sandbox, 7);
    let selection = "[selection]\nvalidators = [{ name = \"entropy\" }]\n\n[methods";
    let text = experiment(MLP, SOURCE_ONLY)
        .replace("[methods", selection)
        .replace("batch_size = 16", "batch_size = 16\nevaluate_every = 4");
    let record = run(&sandbox, &text).remove("source-only").unwrap();
    let said = export(&sandbox, &record, &[]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let tensors = tensors(&sandbox);
    assert_eq!(tensors.len(), 12 + 6 + 8);
    assert_eq!(tensors["extractor.layers.0.linear.weight"], [12, 7]);
    assert_eq!(tensors["bottleneck.norm.running_var"], [9]);
    assert_eq!(tensors["classifier.output.weight"], [3, 8]);

    let card = sandbox.read("exported/README.md");
    let accuracy = record.metrics.iter().rfind(|row| row.metric == "target_accuracy").unwrap();
    for part in [
        "# source-only: a -\\> b".to_owned(),
        "Licence: CC0 \\<1.0\\>".to_owned(),
        "3, in the order of the outputs: a\\_b, c\\|d, e.".to_owned(),
        "features [7]".to_owned(),
        format!("| target accuracy | {:.1} % | higher |", accuracy.value * 100.0),
        "the last model of the run, after 12 steps of stage 1".to_owned(),
    ] {
        assert!(card.contains(&part), "{part} is not in\n{card}");
    }
    let about: Value = serde_json::from_str(&sandbox.read("exported/model.json")).unwrap();
    assert_eq!(about["classes"][1], "c|d");
    assert_eq!(about["extractor"]["config"]["hidden"][0], 12);

    let said = export(&sandbox, &record, &["--choice", "entropy"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let chosen = record.chosen().unwrap().unwrap().by_validator()["entropy"].step;
    let card = sandbox.read("exported/README.md");
    let which =
        format!("chosen by the validator `entropy`, without target labels, after {chosen} steps");
    assert!(card.contains(&which), "{card}");
    let said = export(&sandbox, &record, &["--choice", "snd"]);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("holds no model that `snd` chose"), "{}", said.errors);
}

#[test]
fn what_is_no_network_is_refused_with_the_reason() {
    let sandbox = Sandbox::new();
    features(&sandbox, 7);
    let methods = "[methods.tent]\nstages = [{ align = [{ name = \"source-only\" }] }, \
                   { align = [{ name = \"tent\" }] }]\n\n\
                   [methods.coral]\nalign = [{ name = \"coral\" }]\n";
    let records = run(&sandbox, &experiment(MLP, methods));
    for (method, reason) in
        [("tent", "adapts while it predicts"), ("coral", "fitted in closed form")]
    {
        let said = export(&sandbox, &records[method], &[]);
        assert_eq!(said.code, 2, "{method}");
        assert!(said.errors.contains(reason), "{}", said.errors);
        assert!(said.errors.contains(&format!("(`{method}`) cannot be exported")));
    }
    assert!(!sandbox.path().join("exported").exists());
}

/// The exported weights of a trained network serve as the weights of a frozen one, whose export
/// names their file.
#[test]
fn of_a_frozen_extractor_the_file_of_its_weights_is_named() {
    let sandbox = Sandbox::new();
    images(&sandbox, 3, 32);
    let text = experiment(RESNET, SOURCE_ONLY).replace("iterations = 12", "iterations = 1");
    let random = text.replace("weights = \"random\"", "weights = \"random\"\nfrozen = true");
    let record = run(&sandbox, &random).remove("source-only").unwrap();
    let said = export(&sandbox, &record, &[]);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("frozen with random weights, which are in no file"));

    fs::remove_dir_all(sandbox.path().join("results")).unwrap();
    let record = run(&sandbox, &text).remove("source-only").unwrap();
    assert_eq!(export(&sandbox, &record, &[]).code, 0);
    assert_eq!(tensors(&sandbox)["extractor.layer2.0.downsample.0.weight"], [128, 64, 1, 1]);
    let exported = sandbox.path().join("exported/model.safetensors");
    let extractor: Vec<NamedTensor> = isthmus_nn::weights::read(&exported)
        .unwrap()
        .into_iter()
        .filter_map(|(name, data)| {
            Some(NamedTensor { path: name.strip_prefix("extractor.")?.to_owned(), data })
        })
        .collect();
    let file = sandbox.path().join("mine.safetensors");
    fs::write(&file, encode_for_pytorch(&file, &extractor).unwrap()).unwrap();

    fs::remove_dir_all(sandbox.path().join("results")).unwrap();
    let stated = format!("weights = \"{}\"\nfrozen = true", file.display());
    let frozen = text.replace("weights = \"random\"", &stated);
    let record = run(&sandbox, &frozen).remove("source-only").unwrap();
    let said = export(&sandbox, &record, &[]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let names: Vec<String> = tensors(&sandbox).into_keys().collect();
    assert_eq!(names, ["classifier.bias", "classifier.weight"]);
    let about: Value = serde_json::from_str(&sandbox.read("exported/model.json")).unwrap();
    let named = &about["extractor"]["weights_file"];
    assert_eq!(named["file"], file.to_str().unwrap());
    let checksum = isthmus_nn::weights::checksum(&file).unwrap();
    assert_eq!(named["sha256"], checksum.as_str());
    assert!(sandbox.read("exported/README.md").contains(&checksum));
}
