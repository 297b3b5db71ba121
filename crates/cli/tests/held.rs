//! Runs that another process holds, and runs that were killed.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use support::Sandbox;

const EXPERIMENT: &str = r#"
name = "held"
seeds = [1, 2]

[data]
dataset = "quickstart"
tasks = ["fonts -> uci"]
protocol = { split = 0.3 }

[extractor]
name = "mlp"
hidden = [16]

[classifier]
name = "linear"

[training]
iterations = 20
batch_size = 16

[training.optimizer]
name = "sgd"

[methods.source-only]
align = [{ name = "source-only" }]
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("held.toml", EXPERIMENT);
    sandbox
}

/// The folders of records below `results/held`.
fn records(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
}

#[test]
fn a_run_that_another_process_holds_is_named_and_the_table_is_not_taken_for_whole() {
    let sandbox = sandbox();
    // The ids of the runs, by a run elsewhere.
    assert_eq!(sandbox.isthmus(&["run", "held.toml", "--results", "elsewhere"]).code, 0);
    let id = records(&sandbox.path().join("elsewhere/held"))[0].file_name().unwrap().to_owned();
    let partial = sandbox.path().join("results/held").join(&id).with_extension("partial");
    fs::create_dir_all(&partial).unwrap();
    let events = File::create(partial.join("events.jsonl")).unwrap();
    events.lock().unwrap();

    let said = sandbox.isthmus(&["run", "held.toml"]);
    assert_eq!(said.code, 1, "{}", said.errors);
    assert!(said.errors.contains("1 of 2 runs are not in the table"), "{}", said.errors);
    assert!(said.errors.contains("\n  source-only, fonts -> uci, seed "), "{}", said.errors);
    assert!(said.answer.contains("One seed."), "what is there is shown: {}", said.answer);
    let status = sandbox.isthmus(&["status", "held.toml"]).answer;
    assert!(status.contains("1 finished, 1 running"), "{status}");

    drop(events);
    let said = sandbox.isthmus(&["run", "held.toml"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    assert!(said.answer.contains("over 2 seeds"), "{}", said.answer);
}

#[test]
fn two_processes_on_one_file_share_the_runs() {
    let sandbox = sandbox();
    let arguments = ["run", "held.toml", "--set", "seeds=[1, 2, 3, 4]", "--jobs", "1"];
    let start = || {
        let mut command = sandbox.command(&arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let both = [start(), start()].map(|child| child.wait_with_output().unwrap());
    for output in &both {
        let errors = String::from_utf8_lossy(&output.stderr);
        let table = String::from_utf8_lossy(&output.stdout);
        let whole = table.contains("over 4 seeds");
        // Either the table is whole, or the process says that it is not.
        assert_eq!(output.status.success(), whole, "{errors}{table}");
        assert_eq!(errors.contains("are not in the table"), !whole, "{errors}{table}");
    }
    assert!(both.iter().any(|output| output.status.success()));
    assert_eq!(records(&sandbox.path().join("results/held")).len(), 4);
}

#[test]
fn the_checkpoint_of_a_killed_run_is_shown() {
    let sandbox = sandbox();
    let set = "training.iterations=1000000";
    let mut child = sandbox
        .command(&["run", "held.toml", "--set", set, "--jobs", "1", "--checkpoint-every", "0.05"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let results = sandbox.path().join("results/held");
    let saved =
        || records(&results).iter().any(|record| record.join("checkpoint.safetensors").is_file());
    for _ in 0..600 {
        if saved() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(saved(), "no checkpoint within half a minute");
    let status = sandbox.isthmus(&["status", "held.toml", "--set", set]).answer;
    assert!(status.contains("0 running, 1 interrupted, 0 failed, 1 pending"), "{status}");
    assert!(status.contains("  interrupted: source-only, fonts -> uci, seed "), "{status}");
    assert!(
        status.contains("checkpoint after step ") && status.contains(" of 1000000"),
        "{status}"
    );
}
