//! MLflow's store of files, which `mlflow ui` reads.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::metric::Measurement;
use isthmus_core::registry::{About, Plugin, TrackerPlugin};
use isthmus_core::tracker::{TrackedEnd, TrackedRun, Tracker, TrackerError};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Longest value of a parameter that MLflow shows.
const LONGEST: usize = 500;

/// Writes runs into a store of files that MLflow reads while they are trained (`mlflow ui
/// --backend-store-uri mlruns`): metrics by step, everything that decides a run as its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MlFlow {
    /// The folder, relative to the current one.
    pub folder: PathBuf,
}

impl Default for MlFlow {
    fn default() -> Self {
        Self { folder: PathBuf::from("mlruns") }
    }
}

impl PluginConfig for MlFlow {}

impl TrackerPlugin for MlFlow {
    fn build(self) -> Box<dyn Tracker> {
        Box::new(Store { folder: self.folder, begun: HashMap::new() })
    }
}

inventory::submit! {
    Plugin::tracker::<MlFlow>(About {
        name: "mlflow",
        summary: "Writes runs into a store of files that MLflow shows",
        paper: "",
    })
}

/// `RunStatus` of MLflow.
#[derive(Clone, Copy)]
enum Status {
    Running = 1,
    Finished = 3,
    Failed = 4,
    Killed = 5,
}

struct Store {
    folder: PathBuf,
    /// When the runs under way began.
    begun: HashMap<String, i64>,
}

impl Store {
    /// The folder of an experiment. The store wants a number for it, which is made of its name.
    fn experiment(&self, run: &TrackedRun) -> (String, PathBuf) {
        let hash = Sha256::digest(run.experiment.as_bytes());
        let number = hash.iter().take(7).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let id = format!("{number:018}");
        let folder = self.folder.join(&id);
        (id, folder)
    }

    fn write_run(&self, run: &TrackedRun, status: Status) -> Result<(), TrackerError> {
        let (experiment, folder) = self.experiment(run);
        let id = run_id(run);
        let folder = folder.join(&id);
        let now = Timestamp::now().as_millisecond();
        let ended = !matches!(status, Status::Running);
        let meta = json!({
            "artifact_uri": folder.join("artifacts").to_string_lossy(),
            "end_time": ended.then_some(now),
            "entry_point_name": "",
            "experiment_id": experiment,
            "lifecycle_stage": "active",
            "run_id": id,
            "run_name": format!("{}, {}, seed {}", run.method, run.task, run.seed),
            "run_uuid": id,
            "source_name": "",
            "source_type": 4,
            "source_version": "",
            "start_time": self.begun.get(&run.id).copied().unwrap_or(now),
            "status": status as u8,
            "tags": [],
            "user_id": "isthmus",
        });
        write(&folder.join("meta.yaml"), &meta.to_string())
    }
}

impl Tracker for Store {
    fn began(&mut self, run: &TrackedRun) -> Result<(), TrackerError> {
        let now = Timestamp::now().as_millisecond();
        self.begun.insert(run.id.clone(), now);
        let (experiment, folder) = self.experiment(run);
        let meta = json!({
            "artifact_location": folder.to_string_lossy(),
            "creation_time": now,
            "experiment_id": experiment,
            "last_update_time": now,
            "lifecycle_stage": "active",
            "name": run.experiment,
        });
        let path = folder.join("meta.yaml");
        if !path.exists() {
            write(&path, &meta.to_string())?;
        }
        let own = folder.join(run_id(run));
        for part in ["artifacts", "metrics", "params", "tags"] {
            let part = own.join(part);
            fs::create_dir_all(&part).map_err(TrackerError::of("cannot make the folder", &part))?;
        }
        let mut parameters = Vec::new();
        leaves("", &run.job, &mut parameters);
        for (name, value) in parameters {
            write(&own.join("params").join(name), &value)?;
        }
        for (name, value) in [
            ("method", run.method.clone()),
            ("task", run.task.clone()),
            ("seed", run.seed.to_string()),
            ("isthmus_run", run.id.clone()),
        ] {
            write(&own.join("tags").join(name), &value)?;
        }
        self.write_run(run, Status::Running)
    }

    fn measured(
        &mut self,
        run: &TrackedRun,
        step: usize,
        metrics: &[Measurement],
    ) -> Result<(), TrackerError> {
        let (_, folder) = self.experiment(run);
        let folder = folder.join(run_id(run)).join("metrics");
        let now = Timestamp::now().as_millisecond();
        for (name, value) in metrics {
            // MLflow's own names for what is no number.
            let value = match value {
                value if value.is_nan() => "nan".to_owned(),
                value if value.is_infinite() && *value > 0.0 => "inf".to_owned(),
                value if value.is_infinite() => "-inf".to_owned(),
                value => value.to_string(),
            };
            append(&folder.join(key(name)), &format!("{now} {value} {step}\n"))?;
        }
        Ok(())
    }

    fn ended(&mut self, run: &TrackedRun, end: TrackedEnd) -> Result<(), TrackerError> {
        self.write_run(
            run,
            match end {
                TrackedEnd::Finished => Status::Finished,
                TrackedEnd::Failed => Status::Failed,
                TrackedEnd::Stopped => Status::Killed,
            },
        )?;
        self.begun.remove(&run.id);
        Ok(())
    }
}

/// The run's id as MLflow has ids: 32 hexadecimal digits.
fn run_id(run: &TrackedRun) -> String {
    let hash = Sha256::digest(run.id.as_bytes());
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A name in the characters that MLflow takes; a slash makes a folder, as it has it.
fn key(name: &str) -> String {
    let fits = |character: char| character.is_alphanumeric() || "_-. /".contains(character);
    name.chars().map(|character| if fits(character) { character } else { '_' }).collect()
}

/// The values within a value, by dotted key.
fn leaves(before: &str, value: &Value, found: &mut Vec<(String, String)>) {
    let below =
        |name: &str| if before.is_empty() { name.to_owned() } else { format!("{before}.{name}") };
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| leaves(&below(name), value, found));
        }
        Value::Array(list) => {
            let numbered = list.iter().enumerate();
            numbered.for_each(|(place, value)| leaves(&below(&place.to_string()), value, found));
        }
        Value::Null => {}
        Value::String(text) => {
            found.push((key(before), text.chars().take(LONGEST).collect()));
        }
        other => found.push((key(before), other.to_string())),
    }
}

fn write(path: &Path, text: &str) -> Result<(), TrackerError> {
    make_folder(path)?;
    fs::write(path, text).map_err(TrackerError::of("cannot write", path))
}

fn append(path: &Path, text: &str) -> Result<(), TrackerError> {
    make_folder(path)?;
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(TrackerError::of("cannot write", path))
}

fn make_folder(path: &Path) -> Result<(), TrackerError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    fs::create_dir_all(folder).map_err(TrackerError::of("cannot make the folder", folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::run;

    #[test]
    fn a_run_has_its_parameters_metrics_and_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut tracker = MlFlow { folder: folder.path().to_owned() }.build();
        let run = run(3);
        tracker.began(&run).unwrap();
        let metrics = [("target_accuracy".to_owned(), 0.5), ("validator/dev".to_owned(), f64::NAN)];
        tracker.measured(&run, 10, &metrics).unwrap();
        tracker.measured(&run, 20, &metrics).unwrap();
        let experiment = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let own = experiment.join(run_id(&run));
        let read = |name: &str| fs::read_to_string(own.join(name)).unwrap();
        let meta = |name: &str| -> Value { serde_json::from_str(&read(name)).unwrap() };
        assert_eq!(meta("meta.yaml")["status"], 1);
        tracker.ended(&run, TrackedEnd::Finished).unwrap();
        assert_eq!(meta("meta.yaml")["status"], 3);
        assert_eq!(meta("meta.yaml")["run_name"], "dann + mcc, a/b -> c, seed 3");
        let name = experiment.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(meta("meta.yaml")["experiment_id"], name);
        assert_eq!(read("params/training.lr"), "0.01");
        assert_eq!(read("params/list.0.name"), "x");
        let lines: Vec<String> =
            read("metrics/target_accuracy").lines().map(str::to_owned).collect();
        assert!(lines.len() == 2 && lines[1].ends_with(" 0.5 20"), "{lines:?}");
        assert!(read("metrics/validator/dev").contains(" nan 10\n"));
    }
}
