//! What a launcher handed over: `<results>/<experiment>/launch.json`.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use isthmus_core::launcher::{Launcher, Task};
use isthmus_core::registry::{self, Kind, LauncherKind, UnknownPlugin};
use isthmus_core::spec::PluginSpec;
use isthmus_experiment::checked_again;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// A job array that was submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// The id that the launcher gave it.
    pub id: String,
    /// Its tasks, by their places.
    pub tasks: Vec<Task>,
}

/// What was handed over last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// The launcher that did it.
    pub launcher: PluginSpec,
    /// The job arrays.
    pub jobs: Vec<Submitted>,
    /// Whether they were cancelled.
    pub cancelled: bool,
}

impl Ledger {
    /// Nothing yet, of this launcher.
    pub fn of(launcher: PluginSpec) -> Self {
        Self { launcher, jobs: Vec::new(), cancelled: false }
    }

    /// The file of an experiment's results.
    pub fn path(results: &Path, experiment: &str) -> PathBuf {
        results.join(experiment).join("launch.json")
    }

    /// Reads the file; none where there is none.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>, Failure> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("cannot read", path)(error)),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| damaged(path, &error.to_string()))
    }

    /// The launcher that the file at `path` names.
    ///
    /// # Errors
    /// If this program has no such launcher, or its settings are of another version.
    pub fn launcher(&self, path: &Path) -> Result<Box<dyn Launcher>, Failure> {
        let spec = checked_again(Kind::Launcher, &self.launcher)
            .map_err(|error| damaged(path, &error.to_string()))?;
        built(&spec).map_err(|error| damaged(path, &error.to_string()))
    }

    /// Writes the file, in one step.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).expect("a ledger is plain data");
        let beside = path.with_extension("json.partial");
        let write = || {
            let mut file = fs::File::create(&beside)?;
            writeln!(file, "{text}")?;
            file.sync_all()?;
            fs::rename(&beside, path)
        };
        write().map_err(Failure::file("cannot write", path))
    }

    /// The jobs' ids.
    pub fn ids(&self) -> Vec<String> {
        self.jobs.iter().map(|job| job.id.clone()).collect()
    }
}

/// The launcher of a checked file.
///
/// # Errors
/// If this program has no such launcher.
pub fn built(spec: &PluginSpec) -> Result<Box<dyn Launcher>, UnknownPlugin> {
    let build = registry::builder::<LauncherKind>(&spec.name)?;
    Ok(build(&spec.config))
}

fn damaged(path: &Path, cause: &str) -> Failure {
    Failure::input_with(
        format!("{} is damaged: {cause}", path.display()),
        "it names the jobs that were handed over; the commands of their queue show them too",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_submitted_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("launch.json");
        assert_eq!(Ledger::read(&path).unwrap(), None);
        let task = Task { arguments: vec!["--only".into(), "a".into()], runs: vec!["a".into()] };
        let job = Submitted { id: "12".to_owned(), tasks: vec![task] };
        let spec = |name: &str| PluginSpec { name: name.to_owned(), config: json!({}) };
        let ledger = Ledger { jobs: vec![job], ..Ledger::of(spec("slurm")) };
        ledger.write(&path).unwrap();
        assert_eq!(ledger.launcher(&path).unwrap().title(), "Slurm");
        assert_eq!(Ledger::read(&path).unwrap(), Some(ledger));
        let unknown = Ledger::of(spec("pbs")).launcher(&path).err().unwrap().to_string();
        assert!(unknown.contains("launch.json is damaged"), "{unknown}");
        assert!(unknown.contains("unknown launcher `pbs`"), "{unknown}");
        fs::write(&path, "{").unwrap();
        assert!(Ledger::read(&path).unwrap_err().to_string().contains("is damaged"));
    }
}
