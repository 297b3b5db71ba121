//! The launcher: its configuration, and what it submits.

use std::fs;

use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::inventory;
use isthmus_core::launcher::{After, Division, LaunchError, Launcher, Runs, Submission, TaskState};
use isthmus_core::registry::{About, LauncherPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::commands;
use super::script;

inventory::submit! {
    Plugin::launcher::<Slurm>(About {
        name: "slurm",
        summary: "Hands the runs to a cluster's Slurm, as job arrays",
        paper: "",
    })
}

/// Writes `launch.sh` into the folder of the experiment's results and submits it as job arrays,
/// whose tasks run parts of the experiment. Tasks that are preempted, or whose node fails, are
/// queued again and go on from their last checkpoints. `isthmus status` shows how far it is,
/// `isthmus cancel` ends it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Slurm {
    /// The partition; the cluster's own choice where nothing is said.
    pub partition: Option<String>,
    /// Longest time of a task as Slurm writes it, such as `"02:00:00"`; the partition's own where
    /// nothing is said.
    pub time: Option<String>,
    /// Processors of a task.
    #[schemars(range(min = 1))]
    pub cpus: usize,
    /// Memory of a task as Slurm writes it, such as `"8G"`; the partition's own where nothing is
    /// said.
    pub memory: Option<String>,
    /// Largest number of tasks of a job array: the runs are shared out among them. 1000 is what
    /// most clusters allow.
    #[schemars(range(min = 1))]
    pub tasks: usize,
    /// Further options of `sbatch`, such as `"--account=project"` or `"--gres=gpu:1"`.
    pub options: Vec<String>,
}

impl Default for Slurm {
    fn default() -> Self {
        Self {
            partition: None,
            time: None,
            cpus: 1,
            memory: None,
            // Slurm's own default allows indices up to 1000.
            tasks: 1000,
            options: Vec::new(),
        }
    }
}

impl PluginConfig for Slurm {
    fn check(&self) -> Result<(), FieldProblem> {
        let problem = |field: String, message: String| Err(FieldProblem { field, message });
        // These become words of a script's `#SBATCH` lines.
        let words =
            [("partition", &self.partition), ("time", &self.time), ("memory", &self.memory)];
        for (field, value) in words {
            if let Some(value) = value.as_ref().filter(|value| !is_word(value)) {
                return problem(
                    field.to_owned(),
                    format!("{value:?} must be one word, without spaces or quotes"),
                );
            }
        }
        for (place, option) in self.options.iter().enumerate() {
            if !(option.starts_with('-') && is_word(option)) {
                return problem(
                    format!("options.{place}"),
                    format!(
                        "{option:?} is not an option of sbatch; write each as one word: `options \
                         = [\"--account=project\", \"--gres=gpu:1\"]`"
                    ),
                );
            }
        }
        Ok(())
    }
}

fn is_word(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_graphic() && !"'\"\\`#$".contains(letter);
    !text.is_empty() && text.chars().all(fits)
}

impl LauncherPlugin for Slurm {
    fn build(self) -> Box<dyn Launcher> {
        Box::new(self)
    }
}

impl Launcher for Slurm {
    fn title(&self) -> &'static str {
        "Slurm"
    }

    fn start(&self, runs: &mut dyn Runs) -> Result<(), LaunchError> {
        let division = Division { tasks: self.tasks, processors: self.cpus };
        runs.hand_over(division, &mut |submission| self.submit(submission))
    }

    fn queue(&self, jobs: &[String]) -> Result<Vec<TaskState>, LaunchError> {
        commands::queue(jobs)
    }

    fn failed(&self, jobs: &[String]) -> Vec<TaskState> {
        const WELL: [&str; 4] = ["COMPLETED", "PENDING", "RUNNING", "REQUEUED"];
        let mut ended = commands::accounts(jobs);
        ended.retain(|task| !WELL.contains(&task.state.as_str()));
        ended
    }

    fn cancel(&self, jobs: &[String]) -> Result<(), LaunchError> {
        commands::cancel(jobs)
    }
}

impl Slurm {
    /// Submits one array. One script serves all of them: the array's number of the first task is
    /// its argument.
    fn submit(&self, submission: &Submission<'_>) -> Result<String, LaunchError> {
        let file = submission.folder.join("launch.sh");
        if submission.place == 0 {
            fs::write(&file, script::text(self, submission))
                .map_err(|source| LaunchError::File { file: file.clone(), source })?;
        }
        commands::submit(&arguments(submission, &file.display().to_string()))
    }
}

/// What `sbatch` is told of an array.
fn arguments(submission: &Submission<'_>, script: &str) -> Vec<String> {
    let logs = submission.logs.display().to_string().replace('%', "%%");
    let mut arguments = vec![
        format!("--array=0-{}", submission.array().tasks.len() - 1),
        format!("--output={logs}/%A_%a.log"),
    ];
    if let Some((job, after)) = submission.dependency() {
        let kind = if after == After::Success { "afterok" } else { "afterany" };
        arguments.push(format!("--dependency={kind}:{job}"));
        arguments.push("--kill-on-invalid-dep=yes".to_owned());
    }
    arguments.extend([script.to_owned(), submission.tasks_before().to_string()]);
    arguments
}

#[cfg(test)]
mod tests {
    use super::super::script::tests::submission;
    use super::*;

    #[test]
    fn words_of_the_script_are_words() {
        let problem = |slurm: Slurm| slurm.check().unwrap_err();
        assert_eq!(Slurm::default().check(), Ok(()));
        let found = problem(Slurm { partition: Some("a b".to_owned()), ..Slurm::default() });
        assert_eq!(found.field, "partition");
        assert_eq!(found.message, "\"a b\" must be one word, without spaces or quotes");
        let options = vec!["--account=me".to_owned(), "account=me".to_owned()];
        let found = problem(Slurm { options, ..Slurm::default() });
        assert_eq!(found.field, "options.1");
        assert!(found.message.starts_with("\"account=me\" is not an option of sbatch"));
    }

    #[test]
    fn arrays_wait_for_the_one_before() {
        let arrays = super::super::script::tests::arrays();
        let first = arguments(&submission(&arrays, 0, None), "launch.sh");
        assert_eq!(
            first,
            ["--array=0-0", "--output=/my folder/100%%/launch/%A_%a.log", "launch.sh", "0"]
        );
        let second = arguments(&submission(&arrays, 1, Some("12")), "launch.sh");
        assert_eq!(
            second[2..],
            ["--dependency=afterany:12", "--kill-on-invalid-dep=yes", "launch.sh", "1"]
        );
    }
}
