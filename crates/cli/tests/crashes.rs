//! Runs that are killed at any moment, and what their rerun leaves.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use isthmus_core::random::Key;
use rand::RngExt;
use support::Sandbox;

/// Methods that keep much between steps: a discriminator, pseudo-labels, an optimizer's moments.
const EXPERIMENT: &str = r#"
name = "crashes"
seeds = [1]

[data]
dataset = "quickstart"
tasks = ["fonts -> uci"]
protocol = { split = 0.3 }

[extractor]
name = "mlp"
hidden = [128, 64]
dropout = 0.1

[classifier]
name = "linear"

[training]
iterations = 250
batch_size = 32
evaluate_every = 25

[training.optimizer]
name = "adam"

[selection]
validators = [{ name = "entropy" }, { name = "source-risk" }]

[methods.dann]
align = [{ name = "dann", discriminator = { name = "mlp", hidden = [64] } }]

[methods.pseudo-label]
stages = [
    { align = [{ name = "source-only" }], training = { iterations = 100 } },
    { align = [{ name = "pseudo-label", rounds = 4, threshold = 0.2 }] },
]

[methods.adabn]
stages = [
    { align = [{ name = "source-only" }], training = { iterations = 100 } },
    { align = [{ name = "adabn" }], training = { iterations = 1 } },
]
"#;

/// Kills of the harness.
const KILLS: usize = 50;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("crashes.toml", EXPERIMENT);
    sandbox
}

fn command(sandbox: &Sandbox, results: &str, more: &[&str]) -> Command {
    let mut arguments = vec!["run", "crashes.toml", "--results", results];
    arguments.extend(more);
    sandbox.command(&arguments)
}

/// Every file of each record that must repeat, by name.
fn records(results: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(results.join("crashes")).unwrap() {
        let folder = entry.unwrap().path();
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let name = path.strip_prefix(results).unwrap().display().to_string();
            if !name.ends_with("environment.json") && !name.ends_with("events.jsonl") {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn uninterrupted(sandbox: &Sandbox) -> BTreeMap<String, Vec<u8>> {
    let output = command(sandbox, "whole", &["--jobs", "1"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    records(&sandbox.path().join("whole"))
}

/// What of a run was resumed, from the notes in its records.
fn resumptions(results: &Path) -> usize {
    fs::read_dir(results.join("crashes"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path().join("events.jsonl")).unwrap())
        .map(|events| events.matches("\"text\":\"resumed after").count())
        .sum()
}

#[test]
fn runs_killed_at_random_moments_end_as_if_nothing_had_happened() {
    let sandbox = sandbox();
    let expected = uninterrupted(&sandbox);
    assert!(expected.keys().any(|name| name.ends_with("chosen.json")), "{:?}", expected.keys());
    let mut rng = Key::new(7).named("kills").rng();
    let (mut kills, mut resumed, mut round) = (0, 0, 0);
    while kills < KILLS {
        let results = format!("killed-{round}");
        round += 1;
        loop {
            // A checkpoint after every step: most kills come while one is written.
            let mut child =
                command(&sandbox, &results, &["--jobs", "1", "--checkpoint-every", "0"])
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap();
            std::thread::sleep(Duration::from_millis(rng.random_range(100..1500)));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success());
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            if kills >= KILLS {
                let output = command(&sandbox, &results, &["--jobs", "1"]).output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                break;
            }
        }
        let results = sandbox.path().join(&results);
        let found = records(&results);
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        let different: Vec<_> =
            found.iter().filter(|(name, bytes)| expected[*name] != **bytes).collect();
        assert!(different.is_empty(), "{:?}", different.iter().map(|it| it.0).collect::<Vec<_>>());
        resumed += resumptions(&results);
    }
    println!("{kills} kills in {round} rounds, {resumed} resumptions, 0 differences");
    assert!(resumed > 0);
}

#[test]
fn a_killed_worker_takes_its_own_job_only() {
    let sandbox = sandbox();
    let mut run =
        command(&sandbox, "results", &["--jobs", "2", "--set", "training.iterations=3000"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
    // The processes that run jobs are the children of the run.
    let children = format!("/proc/{0}/task/{0}/children", run.id());
    if !Path::new(&children).exists() {
        run.kill().unwrap();
        run.wait().unwrap();
        return println!("skipped: this system does not tell a process's children");
    }
    let victim = loop {
        let text = fs::read_to_string(&children).unwrap();
        let pids: Vec<&str> = text.split_whitespace().collect();
        let begun = sandbox.path().join("results/crashes");
        let partial = || {
            fs::read_dir(&begun).is_ok_and(|folder| {
                folder.filter(|it| it.as_ref().unwrap().path().extension().is_some()).count() == 2
            })
        };
        if pids.len() == 2 && partial() {
            break pids[0].to_owned();
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(Command::new("kill").args(["-9", &victim]).status().unwrap().success());
    let output = run.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("1 of 3 runs failed"), "{said}");
    assert!(said.contains("killed (signal 9)"), "{said}");
    let events: Vec<String> = fs::read_dir(sandbox.path().join("results/crashes"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path().join("events.jsonl")).unwrap())
        .collect();
    assert_eq!(events.len(), 3);
    let failed = events.iter().filter(|text| text.contains("\"event\":\"failed\"")).count();
    assert_eq!(failed, 1, "{events:?}");
}

#[test]
fn an_interrupted_run_says_how_to_go_on() {
    let sandbox = sandbox();
    let expected = uninterrupted(&sandbox);
    for jobs in ["1", "2"] {
        let results = format!("interrupted-{jobs}");
        let run = command(&sandbox, &results, &["--jobs", jobs])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let begun = sandbox.path().join(&results).join("crashes");
        while !begun.is_dir() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(100));
        let pid = run.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let output = run.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert!(said.contains("the same command goes on where this one stopped"), "{said}");
        let again = command(&sandbox, &results, &["--jobs", jobs]).output().unwrap();
        assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
        assert_eq!(records(&sandbox.path().join(&results)), expected);
    }
}

#[test]
fn a_checkpoint_that_finds_no_space_leaves_the_one_before() {
    let sandbox = sandbox();
    let expected = uninterrupted(&sandbox);
    // Files of more than 64 blocks of 512 bytes cannot be written, as on a disk that is full.
    let binary = env!("CARGO_BIN_EXE_isthmus");
    let script = format!(
        "trap '' XFSZ; ulimit -f 64; exec '{binary}' run crashes.toml --results full --jobs 1 \
         --checkpoint-every 0"
    );
    let output =
        Command::new("sh").args(["-c", &script]).current_dir(sandbox.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write"), "{said}");
    assert!(said.contains("checkpoint.safetensors"), "{said}");
    let again = command(&sandbox, "full", &["--jobs", "1"]).output().unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(records(&sandbox.path().join("full")), expected);
}
