//! Records of whole experiments: their repetition, and what leaves earlier ones alone.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use support::{Said, Sandbox};

/// The quickstart's data with small parts and few steps.
const EXPERIMENT: &str = r#"
name = "small"
seeds = [1]

[data]
dataset = "quickstart"
tasks = ["fonts -> uci"]
protocol = { split = 0.3 }

[extractor]
name = "mlp"
hidden = [32]
dropout = 0.1

[classifier]
name = "linear"

[training]
iterations = 6
batch_size = 16
evaluate_every = 3

[training.optimizer]
name = "sgd"

[methods."dann + mcc"]
align = [
    { name = "dann", discriminator = { name = "mlp", hidden = [16] } },
    { name = "mcc", weight = 0.5 },
]

[methods.pseudo-label]
stages = [
    { align = [{ name = "source-only" }] },
    { align = [{ name = "pseudo-label", rounds = 2, threshold = 0.1 }] },
]

[methods.adabn]
stages = [
    { align = [{ name = "source-only" }] },
    { align = [{ name = "adabn" }], training = { iterations = 1 } },
]
"#;

fn run(sandbox: &Sandbox, results: &str, more: &[&str]) -> Said {
    let mut arguments = vec!["run", "small.toml", "--results", results];
    arguments.extend(more);
    sandbox.isthmus(&arguments)
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", EXPERIMENT);
    sandbox
}

/// The `done` file of each record: checksums of everything that must repeat.
fn digests(results: &Path) -> BTreeMap<String, String> {
    fs::read_dir(results.join("small"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let digest = fs::read_to_string(entry.path().join("done")).unwrap();
            (entry.file_name().into_string().unwrap(), digest)
        })
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_records_however_many_run_side_by_side() {
    let sandbox = sandbox();
    let first = run(&sandbox, "one", &["--jobs", "1"]);
    assert_eq!(first.code, 0, "{}", first.errors);
    assert_eq!(run(&sandbox, "two", &["--jobs", "3"]).code, 0);
    let (one, two) = (digests(&sandbox.path().join("one")), digests(&sandbox.path().join("two")));
    assert_eq!(one.len(), 3);
    assert_eq!(one, two);

    assert_eq!(run(&sandbox, "other", &["--set", "seeds=[2]"]).code, 0);
    let other = digests(&sandbox.path().join("other"));
    assert_eq!(other.len(), 3);
    assert!(!other.values().any(|digest| one.values().any(|of_one| of_one == digest)));
}

#[test]
fn a_changed_file_runs_only_what_changed() {
    let sandbox = sandbox();
    assert_eq!(run(&sandbox, "results", &[]).code, 0);
    let change = "methods.adabn.stages.1.align.0.max_passes=3";
    let changed = run(&sandbox, "results", &["--set", change]);
    assert!(changed.errors.contains("2 of 3 runs are finished already"), "{}", changed.errors);
    assert_eq!(digests(&sandbox.path().join("results")).len(), 4);
}

#[test]
fn logs_of_a_run_are_in_its_record() {
    let sandbox = sandbox();
    assert_eq!(run(&sandbox, "results", &[]).code, 0);
    for entry in fs::read_dir(sandbox.path().join("results/small")).unwrap() {
        let events = fs::read_to_string(entry.unwrap().path().join("events.jsonl")).unwrap();
        assert!(events.contains("\"stage-started\""), "{events}");
        assert!(events.contains("\"log\""), "{events}");
    }
}

#[test]
fn results_that_cannot_be_written_leave_earlier_ones_alone() {
    let sandbox = sandbox();
    assert_eq!(run(&sandbox, "results", &[]).code, 0);
    let before = digests(&sandbox.path().join("results"));

    // A file stands where the folder of this run's results would be.
    sandbox.write("blocked", "");
    let said = run(&sandbox, "blocked", &[]);
    assert_ne!(said.code, 0);
    assert!(said.errors.contains("blocked"), "{}", said.errors);
    assert_eq!(digests(&sandbox.path().join("results")), before);
}
