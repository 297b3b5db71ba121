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

#[test]
fn a_stage_that_several_methods_begin_with_is_trained_once_and_changes_nothing() {
    let sandbox = sandbox();
    let together = run(&sandbox, "together", &["--jobs", "1"]);
    assert_eq!(together.code, 0, "{}", together.errors);
    let told = "1 runs began with stages that another run had trained";
    assert!(together.errors.contains(told), "{}", together.errors);

    // One method at a time, in folders of their own, there is nothing to share.
    let mut alone = BTreeMap::new();
    let methods = [r#"methods."dann + mcc""#, "methods.pseudo-label", "methods.adabn"];
    for (place, _) in methods.iter().enumerate() {
        let results = format!("alone-{place}");
        let said = run(&sandbox, &results, &["--jobs", "1", "--part", &format!("{}/3", place + 1)]);
        assert_eq!(said.code, 0, "{}", said.errors);
        assert!(!said.errors.contains("another run had trained"), "{}", said.errors);
        alone.extend(digests(&sandbox.path().join(results)));
    }
    assert_eq!(digests(&sandbox.path().join("together")), alone);
}

#[test]
fn sixteen_processes_write_beside_each_other_and_lose_nothing() {
    const WRITERS: usize = 16;
    let sandbox = sandbox();
    let seeds = format!("seeds={:?}", (1..=WRITERS).collect::<Vec<_>>());
    let one = run(&sandbox, "one", &["--jobs", "1", "--set", &seeds]);
    assert_eq!(one.code, 0, "{}", one.errors);
    let processes: Vec<_> = (1..=WRITERS)
        .map(|number| {
            let part = format!("{number}/{WRITERS}");
            sandbox
                .command(&["run", "small.toml", "--results", "many", "--jobs", "1", "--quiet"])
                .args(["--set", &seeds, "--part", &part])
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for process in processes {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let expected = digests(&sandbox.path().join("one"));
    assert_eq!(expected.len(), 3 * WRITERS);
    assert_eq!(digests(&sandbox.path().join("many")), expected);
    let table = |results: &str| sandbox.isthmus(&["compare", results, "--csv", "-"]).answer;
    assert_eq!(table("many"), table("one"));
}

#[test]
fn a_run_is_reproduced_from_its_record_alone() {
    let sandbox = sandbox();
    assert_eq!(run(&sandbox, "results", &[]).code, 0);
    fs::remove_file(sandbox.path().join("small.toml")).unwrap();
    for id in digests(&sandbox.path().join("results")).keys() {
        let said = sandbox.isthmus(&["reproduce", &format!("results/small/{id}"), "--quiet"]);
        assert_eq!(said.code, 0, "{}", said.errors);
        assert!(said.answer.contains("is reproduced"), "{}", said.answer);
    }
    let id = digests(&sandbox.path().join("results")).into_keys().next().unwrap();
    let metrics = sandbox.path().join(format!("results/small/{id}/metrics.csv"));
    fs::write(&metrics, "stage,step,metric,value\n").unwrap();
    let said = sandbox.isthmus(&["reproduce", &format!("results/small/{id}")]);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("it changed after the run was finished"), "{}", said.errors);
}

#[test]
fn a_record_keeps_the_models_that_are_asked_for_and_the_same_numbers() {
    let sandbox = sandbox();
    let names = ["entropy", "diversity", "snd", "source-risk"];
    let validators = names.map(|name| format!("{{ name = \"{name}\" }}")).join(", ");
    let selection = format!("selection={{ validators = [{validators}] }}");
    let record = |models: &str| {
        let results = format!("of-{models}");
        let kept = format!("record.models={models}");
        let often = "training.evaluate_every=1";
        let more = ["--methods", "dann + mcc", "--set", &selection, "--set", &kept, "--set", often];
        let said = run(&sandbox, &results, &more);
        assert_eq!(said.code, 0, "{}", said.errors);
        fs::read_dir(sandbox.path().join(results).join("small")).unwrap().next().unwrap().unwrap()
    };
    let records = ["all", "last", "none"].map(record);
    let models = records.each_ref().map(|record| {
        let files = fs::read_dir(record.path()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut models: Vec<String> = names.filter(|name| name.ends_with(".safetensors")).collect();
        models.sort();
        models
    });
    assert!(models[0].len() > 1 && models[0].contains(&"model.safetensors".to_owned()));
    assert_eq!((&models[1][..], &models[2][..]), (&["model.safetensors".to_owned()][..], &[][..]));
    let metrics =
        records.each_ref().map(|it| fs::read_to_string(it.path().join("metrics.csv")).unwrap());
    assert!(metrics.iter().all(|other| *other == metrics[0]));
    let none = records[2].path().display().to_string();
    let said = sandbox.isthmus(&["predict", &none, "quickstart", "--domain", "uci"]);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("--set record.models=last"), "{}", said.errors);
    let said = sandbox.isthmus(&["reproduce", &none, "--quiet"]);
    assert!(said.answer.contains("is reproduced"), "{}{}", said.answer, said.errors);
}

/// The positions of `0-3,7`.
fn positions(ranges: &str) -> Vec<usize> {
    let bounds = |range: &str| match range.split_once('-') {
        Some((first, last)) => first.parse().unwrap()..=last.parse().unwrap(),
        None => range.parse().unwrap()..=range.parse().unwrap(),
    };
    ranges.split(',').filter(|range| !range.is_empty()).flat_map(bounds).collect()
}

#[test]
fn the_rows_that_were_held_out_are_in_the_record() {
    let sandbox = sandbox();
    let selection = "selection={ validators = [{ name = \"entropy\" }] }";
    let more = ["--methods", "dann + mcc", "--set", selection];
    assert_eq!(run(&sandbox, "results", &more).code, 0);
    assert_eq!(run(&sandbox, "other", &[&more[..], &["--set", "seeds=[2]"]].concat()).code, 0);
    let read = |results: &str| {
        let folder = sandbox.path().join(results).join("small");
        let record = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        let text = fs::read_to_string(record.join("splits.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let splits = read("results");
    let domains = splits["domains"].as_array().unwrap();
    assert_eq!(domains.len(), 2);
    for domain in domains {
        let count = |part: &str| usize::try_from(domain[part].as_u64().unwrap()).unwrap();
        let held = |part: &str| positions(domain["rows"][part].as_str().unwrap());
        let (validation, test) = (held("validation"), held("test"));
        assert_eq!((validation.len(), test.len()), (count("validation"), count("test")));
        assert!(!test.is_empty() && !validation.is_empty());
        let mut out: Vec<usize> = [validation, test].concat();
        out.sort_unstable();
        out.dedup();
        let all = count("train") + count("validation") + count("test");
        assert_eq!(out.len() + count("train"), all, "no row is in two parts");
        assert!(*out.last().unwrap() < all);
        assert_eq!(domain["rows"]["train"], "rest");
    }
    assert_ne!(domains[0]["rows"], read("other")["domains"][0]["rows"], "the seed decides");
}
