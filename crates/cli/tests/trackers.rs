//! `[[trackers]]` and `--events` through the real command.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::Sandbox;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(
        "e.toml",
        "name = 'tracked'\nseeds = [1]\ntrackers = [{ name = 'tensorboard' }, { name = 'mlflow' }]\n\
         [data]\ndataset = 'quickstart'\ntasks = ['fonts -> uci']\nprotocol = { split = 0.3 }\n\
         [extractor]\nname = 'identity'\n[classifier]\nname = 'linear'\n\
         [training]\niterations = 40\nbatch_size = 32\nevaluate_every = 20\n\
         [training.optimizer]\nname = 'adam'\n\
         [methods.source-only]\nalign = [{ name = 'source-only' }]\n\
         [methods.dann]\nalign = [{ name = 'dann' }]\n",
    );
    sandbox
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn events_are_lines_of_json_whether_runs_go_side_by_side_or_not() {
    for jobs in ["1", "2"] {
        let sandbox = sandbox();
        let said = sandbox.isthmus(&["run", "e.toml", "--events", "--jobs", jobs]);
        assert_eq!(said.code, 0, "{}", said.errors);
        let lines: Vec<Value> =
            said.answer.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
        assert_eq!((of("began"), of("measured"), of("finished")), (2, 4, 2), "{}", said.answer);
        let measured = lines.iter().find(|line| line["event"] == "measured").unwrap();
        assert_eq!(measured["step"], 20);
        assert!(measured["metrics"]["target_accuracy"].is_number(), "{measured}");
        // One event file a run; MLflow's store has the metric by step.
        assert_eq!(files(&sandbox.path().join("tensorboard")).len(), 2);
        let metrics = files(&sandbox.path().join("mlruns"));
        let own: Vec<&PathBuf> =
            metrics.iter().filter(|path| path.ends_with("metrics/target_accuracy")).collect();
        assert_eq!(own.len(), 2);
        assert_eq!(std::fs::read_to_string(own[0]).unwrap().lines().count(), 2);
    }
}

#[test]
fn trackers_change_no_run_and_one_that_fails_stops_none() {
    let tracked = sandbox();
    // A file in the place of the folder.
    tracked.write("tensorboard", "");
    let said = tracked.isthmus(&["run", "e.toml"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let warnings = said.errors.matches("the tracker `tensorboard` is left out").count();
    assert_eq!(warnings, 1, "{}", said.errors);
    let plain = sandbox();
    let text = plain.read("e.toml");
    let untracked: Vec<&str> = text.lines().filter(|it| !it.starts_with("trackers")).collect();
    plain.write("e.toml", &untracked.join("\n"));
    assert_eq!(plain.isthmus(&["run", "e.toml"]).code, 0);
    let metrics = |sandbox: &Sandbox| -> Vec<(PathBuf, Vec<u8>)> {
        let results = sandbox.path().join("results");
        let mut found: Vec<(PathBuf, Vec<u8>)> = files(&results)
            .into_iter()
            .filter(|path| path.ends_with("metrics.csv"))
            .map(|path| {
                let bytes = std::fs::read(&path).unwrap();
                (path.strip_prefix(&results).unwrap().to_owned(), bytes)
            })
            .collect();
        found.sort();
        found
    };
    assert_eq!(metrics(&tracked), metrics(&plain));
}

/// Where Python has them, the programs themselves read what was written.
#[test]
fn tensorboard_and_mlflow_read_the_files() {
    let sandbox = sandbox();
    assert_eq!(sandbox.isthmus(&["run", "e.toml"]).code, 0);
    let run = |modules: &str, script: &str| {
        let Some(python) = support::python_with(modules) else {
            eprintln!("no Python with {modules}: skipped");
            return;
        };
        let mut command = Command::new(python);
        // Later versions of MLflow warn that the store of files is old.
        command.env("MLFLOW_ALLOW_FILE_STORE", "true").args(["-c", script]);
        let output = command.current_dir(sandbox.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(text.trim(), "[20, 40]", "{modules}");
    };
    run(
        "tensorboard",
        "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator\n\
         a = EventAccumulator('tensorboard/tracked/dann/fonts -> uci/seed-1'); a.Reload()\n\
         print([e.step for e in a.Scalars('target_accuracy')])",
    );
    run(
        "mlflow",
        "from mlflow.tracking import MlflowClient\n\
         c = MlflowClient(tracking_uri='mlruns')\n\
         e = c.get_experiment_by_name('tracked')\n\
         r = [r for r in c.search_runs([e.experiment_id]) if r.data.tags['method'] == 'dann'][0]\n\
         assert r.info.status == 'FINISHED', r.info.status\n\
         print([m.step for m in c.get_metric_history(r.info.run_id, 'target_accuracy')])",
    );
}
