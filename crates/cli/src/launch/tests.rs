//! A launcher of somebody else's: a plugin like any other, known to nothing but the registry.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use clap::Parser;
use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::launcher::{Division, LaunchError, Launcher, Runs, Submission, TaskState};
use isthmus_core::registry::{About, LauncherPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ledger::Ledger;
use super::{cancel, start, status};
use crate::args::{Arguments, Command, RunArguments, RunsArguments};
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;

inventory::submit! {
    Plugin::launcher::<Blackboard>(About { name: "blackboard", summary: "Notes jobs", paper: "" })
}

/// Notes what it is told.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Blackboard {
    tasks: usize,
    /// The array that is refused, from 0.
    refused: Option<usize>,
}

impl Default for Blackboard {
    fn default() -> Self {
        Self { tasks: 3, refused: None }
    }
}

/// The tasks that wait, as `job task`.
static WAITING: Mutex<Vec<(String, usize)>> = Mutex::new(Vec::new());

/// Held by the test that has the blackboard to itself: tests may share a process.
static BLACKBOARD: Mutex<()> = Mutex::new(());

impl PluginConfig for Blackboard {}

impl LauncherPlugin for Blackboard {
    fn build(self) -> Box<dyn Launcher> {
        Box::new(self)
    }
}

impl Launcher for Blackboard {
    fn title(&self) -> &'static str {
        "the blackboard"
    }

    fn start(&self, runs: &mut dyn Runs) -> Result<(), LaunchError> {
        let division = Division { tasks: self.tasks, processors: 2 };
        runs.hand_over(division, &mut |submission: &Submission<'_>| {
            if self.refused == Some(submission.place) {
                return Err(LaunchError::Refused("it is full".to_owned()));
            }
            assert!(submission.logs.is_dir() && submission.folder.is_absolute());
            assert!(submission.command.join(" ").contains("--launcher local"));
            let id = (10 + submission.place).to_string();
            let tasks = 0..submission.array().tasks.len();
            WAITING.lock().unwrap().extend(tasks.map(|task| (id.clone(), task)));
            Ok(id)
        })
    }

    fn queue(&self, jobs: &[String]) -> Result<Vec<TaskState>, LaunchError> {
        let state = |(job, task): &(String, usize)| TaskState {
            job: job.clone(),
            task: *task,
            state: "WAITING".to_owned(),
        };
        let waiting = WAITING.lock().unwrap();
        Ok(waiting.iter().filter(|(job, _)| jobs.contains(job)).map(state).collect())
    }

    fn cancel(&self, jobs: &[String]) -> Result<(), LaunchError> {
        WAITING.lock().unwrap().retain(|(job, _)| !jobs.contains(job));
        Ok(())
    }
}

struct Sandbox {
    folder: tempfile::TempDir,
    file: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl Sandbox {
    /// The quickstart with a method of two stages that two runs begin with alike.
    fn new(launcher: &str) -> Self {
        let alone = BLACKBOARD.lock().unwrap_or_else(PoisonError::into_inner);
        WAITING.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let text = std::fs::read_to_string(repository.join("experiments/quickstart.toml")).unwrap();
        let more = "[[methods.chain.stages]]\nalign = [{ name = \"source-only\" }]\n\
                    [[methods.chain.stages]]\nalign = [{ name = \"mcc\" }]\n";
        std::fs::write(&file, format!("{text}\n{more}\n[launcher]\n{launcher}")).unwrap();
        Self { folder, file, _alone: alone }
    }

    fn results(&self) -> PathBuf {
        self.folder.path().join("results")
    }

    fn run(&self, more: &[&str]) -> RunArguments {
        let (file, results) = (self.file.display().to_string(), self.results());
        let results = results.display().to_string();
        let words = ["isthmus", "run", &file, "--results", &results];
        match Arguments::parse_from(words.iter().chain(more)).command {
            Command::Run(run) => run,
            other => panic!("{other:?}"),
        }
    }

    fn start(&self, more: &[&str]) -> Result<(), Failure> {
        let arguments = self.run(more);
        let file = ExperimentFile::load_to_run(&arguments)?;
        start(&file, &arguments, Default::default())
    }

    fn runs(&self) -> RunsArguments {
        let RunArguments { experiment, device, results, .. } = self.run(&[]);
        RunsArguments { experiment, device, results }
    }

    fn ledger(&self) -> Option<Ledger> {
        Ledger::read(&Ledger::path(&self.results(), "quickstart")).unwrap()
    }
}

#[test]
fn it_is_handed_the_runs_looked_up_and_cancelled() {
    let sandbox = Sandbox::new("name = \"blackboard\"\n");
    sandbox.start(&[]).unwrap();
    let ledger = sandbox.ledger().unwrap();
    assert_eq!(ledger.launcher.name, "blackboard");
    // Those that train a stage for others come first.
    let tasks: Vec<usize> = ledger.jobs.iter().map(|job| job.tasks.len()).collect();
    assert_eq!(tasks, [3, 3]);
    let runs = ledger.jobs.iter().flat_map(|job| &job.tasks).flat_map(|task| &task.runs).count();
    assert_eq!(runs, 15);
    status(&sandbox.runs()).unwrap();

    let twice = sandbox.start(&[]).unwrap_err().to_string();
    assert_eq!(twice, "job 10 of this experiment is in the blackboard's queue already");
    cancel(&sandbox.runs()).unwrap();
    assert!(sandbox.ledger().unwrap().cancelled);
    assert!(WAITING.lock().unwrap().is_empty());
    let part = sandbox.start(&["--part", "1/2"]).unwrap_err().to_string();
    assert!(part.ends_with("the blackboard is handed everything"), "{part}");
}

#[test]
fn what_was_submitted_before_a_refusal_is_taken_back() {
    let sandbox = Sandbox::new("name = \"blackboard\"\nrefused = 1\n");
    let failure = sandbox.start(&[]).unwrap_err();
    assert!(matches!(&failure, Failure::Work(message) if message == "it is full"), "{failure:?}");
    assert!(WAITING.lock().unwrap().is_empty());
}
