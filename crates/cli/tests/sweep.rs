//! Sweeps from a file to records, and parts of runs.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Said, Sandbox, repository};

/// The quickstart, cut short, with more tables.
fn quickstart(sandbox: &Sandbox, more: &str) -> PathBuf {
    let text = fs::read_to_string(repository().join("experiments/quickstart.toml")).unwrap();
    let text = text.replace("iterations = 1500", "iterations = 12");
    let text = text.replace("seeds = [1, 2, 3]", "seeds = [1, 2]");
    sandbox.write("mine.toml", &format!("{text}\n{more}"))
}

fn run(sandbox: &Sandbox, more: &[&str]) -> Said {
    let mut arguments = vec!["run", "mine.toml"];
    arguments.extend(more);
    sandbox.isthmus(&arguments)
}

/// `run` of the `job.json` of every finished record, by id.
fn runs(folder: &Path) -> BTreeMap<String, Value> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeMap::new() };
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("done").is_file())
        .map(|path| {
            let text = fs::read_to_string(path.join("job.json")).unwrap();
            let job: Value = serde_json::from_str(&text).unwrap();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), job)
        })
        .collect()
}

fn of<'a>(all: &'a BTreeMap<String, Value>, method: &str) -> Vec<&'a Value> {
    all.values().filter(|job| job["run"]["method"] == method).collect()
}

const SWEEP: &str = "[sweep]\ncount = 2\n[sweep.values]\nmethods.dann.align.0.weight = [0.1, \
                     1.0]\ntraining.optimizer.lr = { log_uniform = [1e-4, 1e-2] }\n";

#[test]
fn every_combination_is_run_once_and_recorded_with_its_settings() {
    let sandbox = Sandbox::new();
    quickstart(&sandbox, SWEEP);
    let checked = sandbox.isthmus(&["check", "mine.toml"]);
    // dann: 2 values x 2 draws x 2 seeds; the three others: 2 draws x 2 seeds each.
    assert!(checked.answer.contains("20 runs"), "{checked:?}");
    let said = run(&sandbox, &[]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let all = runs(&sandbox.path().join("results/quickstart"));
    assert_eq!(all.len(), 20);
    assert_eq!(of(&all, "dann").len(), 8);
    for job in of(&all, "mcc") {
        let settings = job["run"]["settings"].as_object().unwrap();
        assert_eq!(settings.keys().collect::<Vec<_>>(), ["training.optimizer.lr"]);
        let rate = &job["job"]["method"]["stages"][0]["training"]["optimizer"]["config"]["lr"];
        assert_eq!(&settings["training.optimizer.lr"], rate);
    }
    let again = run(&sandbox, &[]);
    assert!(again.errors.contains("20 of 20 runs are finished already"), "{}", again.errors);
}

#[test]
fn parts_and_ids_together_are_the_whole() {
    let sandbox = Sandbox::new();
    quickstart(&sandbox, "");
    assert_eq!(run(&sandbox, &["--results", "whole"]).code, 0);
    let whole = runs(&sandbox.path().join("whole/quickstart"));
    assert_eq!(whole.len(), 8);
    for part in ["1/3", "2/3", "3/3"] {
        assert_eq!(run(&sandbox, &["--results", "parts", "--part", part]).code, 0);
    }
    assert_eq!(runs(&sandbox.path().join("parts/quickstart")), whole);
    let ids: Vec<&str> = whole.keys().map(String::as_str).collect();
    let said = run(&sandbox, &["--results", "two", "--only", &ids[..2].join(",")]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let two = runs(&sandbox.path().join("two/quickstart"));
    assert_eq!(two.keys().collect::<Vec<_>>(), ids[..2].iter().collect::<Vec<_>>());
    let status = sandbox.isthmus(&["status", "mine.toml", "--results", "two"]);
    assert_eq!(
        status.answer,
        "quickstart: 8 runs: 2 finished, 0 running, 0 interrupted, 0 failed, 6 pending\n",
        "{status:?}"
    );

    let unknown = run(&sandbox, &["--only", "0123456789abcdef"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.errors.contains("there is no run 0123456789abcdef"), "{}", unknown.errors);
    let round = run(&sandbox, &["--round", "1"]);
    assert_eq!(round.code, 2);
    assert!(round.errors.contains("the experiment has no rounds"), "{}", round.errors);
}

#[test]
fn a_run_that_failed_is_told_with_its_cause() {
    let sandbox = Sandbox::new();
    let more = "[sweep.values]\nmethods.dann.training.optimizer.lr = [0.001, 1e30]\n";
    quickstart(&sandbox, more);
    assert_eq!(run(&sandbox, &[]).code, 1);
    let status = sandbox.isthmus(&["status", "mine.toml"]);
    let counts = "quickstart: 10 runs: 8 finished, 0 running, 0 interrupted, 2 failed, 0 pending\n";
    assert!(status.answer.starts_with(counts), "{}", status.answer);
    let failed = "failed: dann, fonts -> uci, seed 1, methods.dann.training.optimizer.lr = 1e+30: ";
    assert!(status.answer.contains(failed), "{}", status.answer);
}

#[test]
fn a_cluster_that_is_not_there_is_told() {
    let sandbox = Sandbox::new();
    quickstart(&sandbox, "");
    let empty = sandbox.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let mut command = sandbox.command(&["run", "mine.toml", "--launcher", "slurm"]);
    let output = command.env("PATH", &empty).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("cannot run `sbatch`"), "{text}");
    let cancel = sandbox.isthmus(&["cancel", "mine.toml"]);
    assert_eq!(cancel.code, 2);
    assert!(cancel.errors.contains("no runs were handed to a cluster"), "{}", cancel.errors);
    let mistaken = run(&sandbox, &["--launcher", "slum"]);
    assert_eq!(mistaken.code, 2);
    assert!(mistaken.errors.contains("unknown launcher `slum`"), "{}", mistaken.errors);
    assert!(mistaken.errors.contains("did you mean `slurm`?"), "{}", mistaken.errors);
    let here = run(&sandbox, &["--cpus", "2", "--launcher", "local"]);
    assert_eq!(here.code, 2);
    assert!(here.errors.contains("`cpus` is not a field of `local`"), "{}", here.errors);
}

const HALVING: &str = "[selection]\nvalidators = [{ name = \"entropy\" }, { name = \"infomax\" \
                       }]\n[sweep.values]\nmethods.dann.training.optimizer.lr = [1e-4, 1e-3, \
                       1e-2, 1e30]\n[sweep.halving]\nvalidator = \"infomax\"\nrounds = [0.25, \
                       0.5, 1.0]\n";

/// Values of a metric of the last stage, by step.
fn values(record: &Path, metric: &str) -> BTreeMap<usize, f64> {
    let text = fs::read_to_string(record.join("metrics.csv")).unwrap();
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let value = fields[3].parse().ok()?;
            (fields[2] == metric).then(|| (fields[1].parse().unwrap(), value))
        })
        .collect()
}

#[test]
fn halving_runs_the_settings_with_the_highest_scores_to_their_end() {
    let sandbox = Sandbox::new();
    quickstart(&sandbox, HALVING);
    let said = run(&sandbox, &[]);
    assert_eq!(said.code, 0, "{}", said.errors);
    assert!(said.errors.contains("their settings do not go on"), "{}", said.errors);

    let round = |name: &str| sandbox.path().join("results").join(name);
    let folders = ["quickstart-round-1", "quickstart-round-2", "quickstart"].map(round);
    let counts = folders.each_ref().map(|folder| of(&runs(folder), "dann").len());
    assert_eq!(counts, [6, 4, 2], "two seeds; the rate that diverges is not finished");
    assert_eq!(of(&runs(&folders[2]), "mcc").len(), 2);

    // What goes on is what the validator scores highest, by the mean over the seeds.
    for pair in folders.windows(2) {
        let mut scores: BTreeMap<String, f64> = BTreeMap::new();
        let all = runs(&pair[0]);
        for (id, job) in all.iter().filter(|(_, job)| job["run"]["method"] == "dann") {
            let score = values(&pair[0].join(id), "validator/infomax");
            let best = score.values().copied().fold(f64::NEG_INFINITY, f64::max);
            *scores.entry(job["run"]["settings"].to_string()).or_default() += best;
        }
        let left: std::collections::BTreeSet<String> = of(&runs(&pair[1]), "dann")
            .iter()
            .map(|job| job["run"]["settings"].to_string())
            .collect();
        let worst = left.iter().map(|settings| scores[settings]).fold(f64::INFINITY, f64::min);
        for (settings, score) in scores.iter().filter(|(settings, _)| !left.contains(*settings)) {
            assert!(*score <= worst, "{settings} was left behind with {score}, {worst} went on");
        }
    }

    // A round is the beginning of the whole run: the schedule is that of the full length.
    for (id, job) in runs(&folders[2]) {
        let alike = |other: &Value| {
            ["method", "seed", "settings"].iter().all(|key| other["run"][key] == job["run"][key])
        };
        let first = runs(&folders[0]);
        let (first_id, first) = first.iter().find(|(_, other)| alike(other)).unwrap();
        assert_eq!(first["job"]["method"]["stages"][0]["training"]["stop_after"], 3);
        assert_eq!(job["job"]["method"]["stages"][0]["training"]["stop_after"], Value::Null);
        let early = values(&folders[0].join(first_id), "target_loss");
        let whole = values(&folders[2].join(&id), "target_loss");
        assert_eq!(early.keys().max(), Some(&3));
        assert!(early.iter().all(|(step, value)| whole.get(step) == Some(value)), "{id}");
    }

    // What was stopped before its end is no result.
    let mcc = ["compare", "results", "--rows", "experiment", "--filter", "method=mcc"];
    let compared = sandbox.isthmus(&mcc);
    assert!(compared.answer.contains("earlier rounds of successive halving"), "{compared:?}");
    assert!(!compared.answer.contains("quickstart-round-1"), "{compared:?}");
    let all = sandbox.isthmus(&[mcc.as_slice(), &["--rounds"]].concat());
    assert!(all.answer.contains("quickstart-round-1"), "{all:?}");
    let judged = sandbox.isthmus(&["validators", "results"]);
    assert!(judged.answer.contains("earlier rounds of successive halving"), "{judged:?}");
    let report = sandbox.isthmus(&["report", "results"]);
    assert!(report.errors.contains("8 runs in report.html"), "{report:?}");
    assert!(report.errors.contains("note: 22 runs of earlier rounds"), "{report:?}");

    let status = sandbox.isthmus(&["status", "mine.toml"]);
    assert!(status.answer.contains("round 3 of 3: 8 runs: 8 finished"), "{}", status.answer);
    let again = run(&sandbox, &["--round", "3"]);
    assert_eq!((again.code, &again.answer), (0, &said.answer));
    let empty = run(&sandbox, &["--results", "elsewhere", "--round", "2"]);
    assert_eq!(empty.code, 1);
    let needs = "round 2 needs the scores of round 1";
    assert!(empty.errors.contains(needs), "{}", empty.errors);
}

/// A swept view makes the very runs that a file with that view makes, and no other.
#[test]
fn views_are_swept_and_samples_stay_the_same() {
    for (dataset, head) in [
        ("quickstart", "[extractor]"),
        ("quickstart-images", "[data.transform]\nmean = [0.5]\nstd = [0.5]\n\n[extractor]"),
    ] {
        let sandbox = Sandbox::new();
        let swept = "\n[sweep.values]\ndata.views.weak = [[], [{ name = \"gaussian-noise\" }]]\n";
        let path = quickstart(&sandbox, swept);
        let text = fs::read_to_string(&path)
            .unwrap()
            .replace("dataset = \"quickstart\"", &format!("dataset = \"{dataset}\""))
            .replace("[extractor]", head);
        fs::write(&path, &text).unwrap();
        let said = run(&sandbox, &["--results", "swept"]);
        assert_eq!(said.code, 0, "{}", said.errors);
        let all = runs(&sandbox.path().join("swept/quickstart"));
        assert_eq!(all.len(), 2 * 4 * 2);
        for views in ["weak = []", "weak = [{ name = \"gaussian-noise\" }]"] {
            let stated = format!("[data.views]\n{views}\n\n[extractor]");
            let plain = text.replace(swept, "").replace("[extractor]", &stated);
            sandbox.write("mine.toml", &plain);
            assert_eq!(run(&sandbox, &["--results", "plain"]).code, 0);
        }
        let plain = runs(&sandbox.path().join("plain/quickstart"));
        assert!(plain.keys().eq(all.keys()), "{dataset}");
        for id in plain.keys() {
            let model = |results: &str| {
                let path = format!("{results}/quickstart/{id}/model.safetensors");
                fs::read(sandbox.path().join(path)).unwrap()
            };
            assert!(model("plain") == model("swept"), "{dataset} {id}");
        }
    }
}
