//! What runs leave that were killed, and what they must leave in the end.
#![allow(dead_code, reason = "each test program uses some of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use isthmus_core::random::Key;
use rand::RngExt;

use super::Sandbox;

/// The experiment of these tests, in `crashes.toml`.
pub const NAME: &str = "crashes";

/// Methods that keep much between steps: a discriminator, pseudo-labels, an optimizer's moments.
pub const EXPERIMENT: &str = r#"
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

[record]
outputs = 30
theory = true

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

/// A folder with the experiment.
pub fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("crashes.toml", EXPERIMENT);
    sandbox
}

/// `isthmus run` of the experiment into the folder `results`.
pub fn command(sandbox: &Sandbox, results: &str, more: &[&str]) -> Command {
    let mut arguments = vec!["run", "crashes.toml", "--results", results];
    arguments.extend(more);
    sandbox.command(&arguments)
}

/// Every file of each record that must repeat, by name.
pub fn records(results: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in folders(results) {
        for path in files(&folder) {
            let name = path.strip_prefix(results).unwrap().display().to_string();
            if !name.ends_with("environment.json") && !name.ends_with("events.jsonl") {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// What runs that nothing happened to leave.
pub fn uninterrupted(sandbox: &Sandbox) -> BTreeMap<String, Vec<u8>> {
    let output = command(sandbox, "whole", &["--jobs", "1"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    records(&sandbox.path().join("whole"))
}

/// Fails with the names of files that differ or that only one side has.
pub fn assert_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    let different: Vec<_> =
        found.iter().filter(|(name, bytes)| expected[*name] != **bytes).map(|it| it.0).collect();
    assert!(different.is_empty(), "{different:?}");
}

/// Kills a run at random moments, `most` times at most, and holds what it leaves in the end against an
/// uninterrupted one.
pub fn killed_runs_end_alike(sandbox: &Sandbox, most: usize) {
    let expected = uninterrupted(sandbox);
    let mut rng = Key::new(9).named("kills").rng();
    let mut kills = 0;
    loop {
        let mut child = command(sandbox, "killed", &["--jobs", "1", "--checkpoint-every", "0"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        if kills < most {
            std::thread::sleep(std::time::Duration::from_millis(rng.random_range(150..900)));
        } else {
            child.wait().unwrap();
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    let results = sandbox.path().join("killed");
    assert_same(&records(&results), &expected);
    println!("{kills} kills, {} resumptions", resumptions(&results));
    assert!(resumptions(&results) > 0);
}

/// How often a run was resumed, from the notes in its records.
pub fn resumptions(results: &Path) -> usize {
    folders(results)
        .iter()
        .map(|folder| fs::read_to_string(folder.join("events.jsonl")).unwrap())
        .map(|events| events.matches("\"text\":\"resumed after").count())
        .sum()
}

/// The folders of the experiment's records, finished or not.
pub fn folders(results: &Path) -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(results.join(NAME)) else { return Vec::new() };
    folder.map(|entry| entry.unwrap().path()).collect()
}

/// The files in a folder; none where it is gone.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    // A run that goes on may move the folder meanwhile.
    let Ok(folder) = fs::read_dir(folder) else { return Vec::new() };
    folder.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// Whether a file is one that was not yet whole.
pub fn is_half_written(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    name.starts_with('.') && name.ends_with(".tmp")
}

/// Whether a folder is that of a record that is not finished.
pub fn is_partial(folder: &Path) -> bool {
    folder.extension().is_some_and(|extension| extension == "partial")
}

/// What processes were doing when they were killed, from what they left.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    /// Kills that were counted.
    pub kills: usize,
    /// Of these, while a file of a run that went on was half written: a checkpoint, nearly always;
    /// else a model that a validator chose, or the first files of a record.
    pub in_checkpoint: usize,
    /// While a stage that runs share was half written.
    pub in_shared_stage: usize,
    /// While a file of the end of a record was half written.
    pub in_end: usize,
    /// Between two files of the end of a record, `done` not among them.
    pub between_files_of_the_end: usize,
    /// After `done` was written, before the record was in its place.
    pub before_its_place: usize,
    /// What earlier kills left that is still there.
    seen: BTreeSet<PathBuf>,
    /// When folders changed last in which a kill left no file half written.
    changed: BTreeSet<(PathBuf, i64, i64)>,
}

impl Moments {
    /// Looks at what a killed process left.
    pub fn count(&mut self, results: &Path) {
        self.kills += 1;
        let in_stage = self.leaves_half(&results.join(".stages"));
        self.in_shared_stage += usize::from(in_stage);
        for folder in folders(results).into_iter().filter(|folder| is_partial(folder)) {
            let there = |name: &str| folder.join(name).exists();
            let (ending, done) = (there("predictions.csv"), there("done"));
            let half = self.leaves_half(&folder);
            let metadata = fs::metadata(&folder).unwrap();
            let moment = (folder, metadata.mtime(), metadata.mtime_nsec());
            let changed = half || self.changed.insert(moment);
            // The predictions are the first file of the end.
            let counter = match (half, ending, done) {
                (true, true, false) => &mut self.in_end,
                (true, false, _) => &mut self.in_checkpoint,
                (false, true, false) if changed => &mut self.between_files_of_the_end,
                (_, _, true) if changed => &mut self.before_its_place,
                (false, ..) | (_, _, true) => continue,
            };
            *counter += 1;
        }
    }

    /// Whether the last kill left a file half written in the folder.
    fn leaves_half(&mut self, folder: &Path) -> bool {
        let left = files(folder).into_iter().filter(|path| is_half_written(path));
        // All of them are seen now, whatever the first one is.
        left.filter(|path| self.seen.insert(path.clone())).count() > 0
    }

    /// Kills that left a file half written.
    pub fn half_written(&self) -> usize {
        self.in_checkpoint + self.in_shared_stage + self.in_end
    }
}

impl std::fmt::Display for Moments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} kills: {} in a checkpoint half written, {} in a shared stage, {} in a file of a \
             record's end, {} between two of these, {} before the record was in its place",
            self.kills,
            self.in_checkpoint,
            self.in_shared_stage,
            self.in_end,
            self.between_files_of_the_end,
            self.before_its_place
        )
    }
}
