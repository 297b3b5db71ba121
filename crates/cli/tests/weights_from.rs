//! Extractors that begin with the weights of another run's record.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use burn::tensor::TensorData;
use isthmus_results::{Record, read_records};
use serde_json::Value;
use support::Sandbox;
use support::crashes::{EXPERIMENT, assert_same, command, records, resumptions};

/// An experiment on images with these lines in `[extractor]` and under `[training]`.
fn images(name: &str, extractor: &str, training: &str) -> String {
    format!(
        r#"
name = "{name}"
seeds = [1]
[data]
dataset = "quickstart-images"
tasks = ["fonts -> uci"]
protocol = {{ split = 0.9 }}
[extractor]
name = "lenet"
{extractor}
[classifier]
name = "linear"
[training]
iterations = 4
batch_size = 8
evaluate_every = 1
{training}
[selection]
validators = [{{ name = "entropy" }}, {{ name = "diversity" }}]
[methods.source-only]
align = [{{ name = "source-only" }}]
"#
    )
}

const FROM: &str = "weights_from = \"results/backbone\"";
/// The extractor stays as it began.
const STILL: &str = "[training.learning_rate_factors]\nextractor = 0.0";

/// A folder with a backbone's record, and an experiment that begins with it.
fn sandbox(extractor: &str, training: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("backbone.toml", &images("backbone", "", ""));
    sandbox.write("next.toml", &images("next", extractor, training));
    run(&sandbox, "backbone.toml", &[]);
    sandbox
}

/// Runs an experiment to its end; returns what it said.
fn run(sandbox: &Sandbox, file: &str, more: &[&str]) -> String {
    let said = sandbox.isthmus(&[&["run", file, "--jobs", "1"], more].concat());
    assert_eq!(said.code, 0, "{}", said.errors);
    said.errors
}

fn all(sandbox: &Sandbox, folder: &str) -> Vec<Record> {
    read_records(&[sandbox.path().join(folder)]).unwrap().records
}

fn only(sandbox: &Sandbox, folder: &str) -> Record {
    let mut records = all(sandbox, folder);
    assert_eq!(records.len(), 1);
    records.remove(0)
}

/// Hashes of the extractor's tensors of the model that a validator chose, or of the last one.
fn extractor(record: &Record, choice: &str) -> BTreeMap<String, u64> {
    let tensors = match choice {
        "last" => record.model().unwrap().unwrap(),
        validator => record.chosen_model(validator).unwrap().unwrap(),
    };
    let own = tensors.into_iter().filter(|(name, _)| name.starts_with("extractor."));
    let hash = |data: &TensorData| {
        let mut hasher = DefaultHasher::new();
        data.as_bytes().hash(&mut hasher);
        hasher.finish()
    };
    own.map(|(name, data)| (name, hash(&data))).collect()
}

fn path(record: &Record) -> &str {
    record.directory.to_str().unwrap()
}

#[test]
fn a_run_begins_with_the_extractor_that_another_one_left() {
    let sandbox = sandbox(FROM, STILL);
    let backbone = only(&sandbox, "results/backbone");
    let differs = |choice: &&str| extractor(&backbone, choice) != extractor(&backbone, "last");
    let choice = ["entropy", "diversity"].into_iter().find(differs).unwrap();
    let status = |settings: &[&str]| {
        let said = sandbox.isthmus(&[&["status", "next.toml"], settings].concat());
        assert_eq!(said.code, 0, "{}", said.errors);
        said.answer
    };
    assert!(status(&[]).contains("1 pending"));
    run(&sandbox, "next.toml", &[]);
    assert!(status(&[]).contains("1 finished"));
    let chosen = format!("extractor.weights_choice={choice}");
    let chosen = ["--set", chosen.as_str()];
    assert!(status(&chosen).contains("1 pending"), "another model is another run");
    run(&sandbox, "next.toml", &chosen);

    let mut choices = BTreeSet::new();
    for record in all(&sandbox, "results/next") {
        let from = record.task_info().unwrap().unwrap().weights_from.unwrap();
        assert_eq!(extractor(&record, "last"), extractor(&backbone, &from.choice));
        assert_eq!((from.experiment.as_str(), &from.run), ("backbone", &backbone.run.id));
        assert_eq!(record.job_value().unwrap()["extractor"]["weights_from"]["sha256"], from.sha256);
        choices.insert(from.choice);
    }
    assert_eq!(choices, BTreeSet::from([choice.to_owned(), "last".to_owned()]));
    // It does not begin as it would without.
    let without = images("alone", "", STILL);
    sandbox.write("alone.toml", &without);
    run(&sandbox, "alone.toml", &[]);
    let alone = only(&sandbox, "results/alone");
    assert_ne!(extractor(&alone, "last"), extractor(&backbone, "last"));
    assert!(
        !fs::read_to_string(alone.directory.join("job.json")).unwrap().contains("weights_from")
    );
}

#[test]
fn a_run_is_known_by_the_weights_wherever_they_lie() {
    let sandbox = sandbox(FROM, "");
    run(&sandbox, "next.toml", &[]);
    fs::rename(sandbox.path().join("results/backbone"), sandbox.path().join("moved")).unwrap();
    let said = run(&sandbox, "next.toml", &["--set", "extractor.weights_from=moved"]);
    assert!(said.contains("1 of 1 runs are finished already"), "{said}");
    // A record that was made anew, with other weights, makes another run.
    run(&sandbox, "backbone.toml", &["--set", "training.iterations=6"]);
    let said = run(&sandbox, "next.toml", &[]);
    assert!(!said.contains("finished already"), "{said}");
    assert_eq!(all(&sandbox, "results/next").len(), 2);
}

#[test]
fn records_of_a_sweep_are_taken_in_turn() {
    let sandbox = sandbox(FROM, "");
    sandbox.write("other.toml", &images("other", "", "").replace("seeds = [1]", "seeds = [2]"));
    run(&sandbox, "other.toml", &[]);
    let copy = sandbox.path().join("copy");
    fs::create_dir(&copy).unwrap();
    let backbone = only(&sandbox, "results/backbone");
    for file in fs::read_dir(&backbone.directory).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    let text = images("next", FROM, "")
        + "[sweep.values]\nextractor.weights_from = [\"results/backbone\", \"results/other\", \
           \"copy\"]\n";
    sandbox.write("swept.toml", &text);
    let checked = sandbox.isthmus(&["check", "swept.toml"]);
    assert!(checked.answer.contains("with 1 seed, 2 runs"), "{checked:?}");
    run(&sandbox, "swept.toml", &[]);
    let taken: BTreeSet<String> = all(&sandbox, "results/next")
        .iter()
        .map(|record| record.task_info().unwrap().unwrap().weights_from.unwrap().experiment)
        .collect();
    assert_eq!(taken.into_iter().collect::<Vec<_>>(), ["backbone", "other"]);
}

/// Several processes, shared first stages, and a kill leave the same bytes.
#[test]
fn processes_and_interruptions_change_nothing() {
    let sandbox = Sandbox::new();
    let (before, _) = EXPERIMENT.split_once("[methods.dann]").unwrap();
    let backbone = before.replace("name = \"crashes\"", "name = \"backbone\"")
        + "[methods.source-only]\nalign = [{ name = \"source-only\" }]\n";
    sandbox.write("backbone.toml", &backbone.replace("iterations = 250", "iterations = 25"));
    run(&sandbox, "backbone.toml", &[]);
    let text = EXPERIMENT.replace("dropout = 0.1", &format!("dropout = 0.1\n{FROM}"));
    sandbox.write("crashes.toml", &text);

    let results = |name: &str| records(&sandbox.path().join(name));
    let whole = |name: &str, jobs: &str| {
        let output = command(&sandbox, name, &["--jobs", jobs]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        assert!(jobs == "2" || said.contains("began with stages that another run"), "{said}");
        results(name)
    };
    let expected = whole("one", "1");
    assert_same(&whole("two", "2"), &expected);

    let killed = sandbox.path().join("killed");
    let mut child = command(&sandbox, "killed", &["--jobs", "1", "--checkpoint-every", "0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let has_checkpoint = |folder: &Path| folder.join("checkpoint.safetensors").exists();
    while !support::crashes::folders(&killed).iter().any(|folder| has_checkpoint(folder)) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_same(&whole("killed", "1"), &expected);
    assert_eq!(resumptions(&killed), 1);
}

#[test]
fn what_a_finished_run_needs_is_its_own() {
    let sandbox = sandbox(FROM, "");
    run(&sandbox, "next.toml", &[]);
    let next = only(&sandbox, "results/next");
    let reproduce = ["reproduce", path(&next), "--quiet"];
    assert!(sandbox.isthmus(&reproduce).answer.contains("is reproduced"));
    // The records are found together, wherever the command is given.
    fs::rename(sandbox.path().join("results"), sandbox.path().join("moved")).unwrap();
    let next = only(&sandbox, "moved/next");
    assert!(sandbox.isthmus(&["reproduce", path(&next), "--quiet"]).answer.contains("reproduced"));

    fs::remove_dir_all(sandbox.path().join("moved/backbone")).unwrap();
    let said = sandbox.isthmus(&["predict", path(&next), "quickstart-images", "--domain", "uci"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let said = sandbox.isthmus(&["export", path(&next), "--output", "exported"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let card = sandbox.read("exported/README.md");
    assert!(card.contains("The extractor began with the weights of run "), "{card}");
    let said = sandbox.isthmus(&["reproduce", path(&next)]);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("which was not found; searched:"), "{}", said.errors);
    let said = sandbox.isthmus(&["check", "next.toml"]);
    assert_eq!((said.code, said.errors.as_str()), (0, ""));
    assert!(said.answer.contains("not yet there, and needed to run it: there is no folder"));
}

#[test]
fn a_frozen_extractor_takes_them_for_its_features() {
    let sandbox = sandbox(&format!("{FROM}\nfrozen = true"), "");
    let said = run(&sandbox, "next.toml", &[]);
    assert!(!said.contains("random weights"), "{said}");
    assert!(said.contains("uci: features of") && said.contains("kept in"), "{said}");
    let said = run(&sandbox, "next.toml", &["--force"]);
    assert!(said.contains("read from") && !said.contains("kept in"), "{said}");
    let first = only(&sandbox, "results/next");
    let model = first.model().unwrap().unwrap();
    assert!(model.keys().all(|name| name.starts_with("classifier.")), "{:?}", model.keys());

    // What is predicted anew is what the run predicted of its test samples.
    let predict = |record: &Record| {
        let data = ["predict", path(record), "quickstart-images", "--domain", "uci", "-o", "p.csv"];
        sandbox.isthmus(&data)
    };
    let said = predict(&first);
    assert_eq!(said.code, 0, "{}", said.errors);
    let fields = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    let by_name: BTreeMap<String, String> = sandbox
        .read("p.csv")
        .lines()
        .skip(1)
        .map(|line| (fields(line)[0].clone(), fields(line)[1].clone()))
        .collect();
    let test = fs::read_to_string(first.directory.join("predictions.csv")).unwrap();
    assert!(test.lines().count() > 1000);
    for line in test.lines().skip(1) {
        assert_eq!(by_name[&fields(line)[1]], fields(line)[3], "{line}");
    }
    let said = sandbox.isthmus(&["reproduce", path(&first), "--quiet"]);
    assert!(said.answer.contains("is reproduced"), "{said:?}");

    let said = sandbox.isthmus(&["export", path(&first), "--output", "exported"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let about: Value = serde_json::from_str(&sandbox.read("exported/model.json")).unwrap();
    let backbone = only(&sandbox, "results/backbone");
    assert_eq!(about["extractor"]["weights_from"]["run"], backbone.run.id.as_str());
    let card = sandbox.read("exported/README.md");
    assert!(card.contains("`isthmus export` of that run's record writes them"), "{card}");

    // Other weights make other features.
    fs::remove_dir_all(&backbone.directory).unwrap();
    let said = predict(&first);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("which was not found; searched:"), "{}", said.errors);
    assert!(said.errors.contains("put the record of that run back"), "{}", said.errors);
    run(&sandbox, "backbone.toml", &["--set", "seeds=[2]"]);
    let said = predict(&first);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("the run began with extractor tensors of the"), "{}", said.errors);
    let said = run(&sandbox, "next.toml", &[]);
    assert!(said.contains("kept in"), "{said}");
    assert_eq!(all(&sandbox, "results/next").len(), 2);
}

#[test]
fn the_page_of_results_says_how_to_run_it_again() {
    let sandbox = sandbox(FROM, "");
    run(&sandbox, "next.toml", &[]);
    assert_eq!(sandbox.isthmus(&["report", "results/next"]).code, 0);
    let page = sandbox.read("report.html");
    assert!(page.contains("weights_from = &quot;results/backbone&quot;"), "no file on the page");
}

/// What `isthmus run` says of an experiment with these lines in `[extractor]`, after a backbone.
fn refused(extractor: &str) -> String {
    let sandbox = sandbox(extractor, "");
    fs::create_dir(sandbox.path().join("empty")).unwrap();
    let id = only(&sandbox, "results/backbone").run.id;
    let said = sandbox.isthmus(&["run", "next.toml"]);
    assert_eq!(said.code, 2, "{}", said.errors);
    let checked = sandbox.isthmus(&["check", "next.toml"]);
    if !checked.answer.contains("not yet there") {
        assert_eq!(checked.errors, said.errors);
    }
    assert!(!sandbox.path().join("results/next").exists());
    said.errors.replace(&id, "RUN")
}

#[test]
fn a_folder_that_is_not_there() {
    insta::assert_snapshot!(refused("weights_from = \"results/backbon\""));
}

#[test]
fn a_folder_without_a_record() {
    insta::assert_snapshot!(refused("weights_from = \"empty\""));
}

#[test]
fn an_extractor_with_another_field() {
    insta::assert_snapshot!(refused(&format!("{FROM}\ndropout = 0.25")));
}

#[test]
fn a_choice_that_the_record_has_not() {
    insta::assert_snapshot!(refused(&format!("{FROM}\nweights_choice = \"snd\"")));
}

#[test]
fn a_choice_without_a_record() {
    insta::assert_snapshot!(refused("weights_choice = \"snd\""));
}

#[test]
fn samples_of_another_shape() {
    let sandbox = sandbox(FROM, "");
    let text =
        images("next", FROM, "").replace("[extractor]", "transform = { resize = 32 }\n[extractor]");
    sandbox.write("next.toml", &text);
    let said = sandbox.isthmus(&["run", "next.toml"]);
    assert_eq!(said.code, 2, "{}", said.errors);
    insta::assert_snapshot!(said.errors.replace(&only(&sandbox, "results/backbone").run.id, "RUN"));
}

#[test]
fn images_that_are_transformed_otherwise_are_a_warning() {
    let sandbox = sandbox(FROM, "");
    let text = images("next", FROM, "")
        .replace("[extractor]", "transform = { resize = 28, mean = [0.4] }\n[extractor]");
    sandbox.write("next.toml", &text);
    let checked = sandbox.isthmus(&["check", "next.toml"]).errors;
    assert!(checked.contains("were transformed in another way than here"), "{checked}");
    assert!(run(&sandbox, "next.toml", &[]).contains("were transformed in another way than here"));
}

#[test]
fn features_have_no_weights_to_take() {
    let sandbox = Sandbox::new();
    let text = images("next", FROM, "")
        .replace("\"lenet\"", "\"identity\"")
        .replace("quickstart-images", "quickstart");
    sandbox.write("next.toml", &text);
    let said = sandbox.isthmus(&["check", "next.toml"]);
    assert_eq!(said.code, 2, "{}", said.errors);
    insta::assert_snapshot!(said.errors);
}
