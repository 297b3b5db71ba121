//! What was handed to a cluster: `<results>/<experiment>/launch.json`.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::tasks::Task;
use crate::failure::Failure;

/// A job array that was submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// Slurm's id.
    pub id: String,
    /// Its tasks, by their places.
    pub tasks: Vec<Task>,
}

/// What was handed to a cluster last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The job arrays.
    pub jobs: Vec<Submitted>,
    /// Whether they were cancelled.
    pub cancelled: bool,
}

impl Ledger {
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
        serde_json::from_str(&text).map(Some).map_err(|error| {
            Failure::input_with(
                format!("{} is damaged: {error}", path.display()),
                "it names the jobs that were handed to the cluster; `squeue` shows them too",
            )
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_submitted_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("launch.json");
        assert_eq!(Ledger::read(&path).unwrap(), None);
        let task = Task { arguments: vec!["--only".into(), "a".into()], runs: vec!["a".into()] };
        let job = Submitted { id: "12".to_owned(), tasks: vec![task] };
        let ledger = Ledger { jobs: vec![job], cancelled: false };
        ledger.write(&path).unwrap();
        assert_eq!(Ledger::read(&path).unwrap(), Some(ledger));
        fs::write(&path, "{").unwrap();
        assert!(Ledger::read(&path).unwrap_err().to_string().contains("is damaged"));
    }
}
