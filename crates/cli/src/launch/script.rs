//! The script of the tasks of a job array.

use std::path::Path;

use isthmus_core::spec::LauncherSpec;

use super::tasks::Task;

/// What all tasks have in common.
pub struct Script<'a> {
    /// Name of the experiment.
    pub experiment: &'a str,
    /// What Slurm is told.
    pub launcher: &'a LauncherSpec,
    /// The folder that the tasks run in.
    pub folder: &'a Path,
    /// The words of the command, up to what differs between tasks.
    pub command: &'a [String],
}

impl Script<'_> {
    /// The text for these tasks. Called with a number, the task of the array runs the entry that
    /// stands so far behind the number.
    pub fn text(&self, tasks: &[&Task]) -> String {
        let mut text = "#!/usr/bin/env bash\n".to_owned();
        let mut option = |option: &str| text.push_str(&format!("#SBATCH {option}\n"));
        option(&format!("--job-name=isthmus-{}", self.experiment));
        // Preempted tasks and those of a node that fails are queued again, and go on from their
        // last checkpoints.
        option("--requeue");
        option("--open-mode=append");
        let LauncherSpec { partition, time, cpus, memory, options, .. } = self.launcher;
        for (name, value) in [("partition", partition), ("time", time), ("mem", memory)] {
            if let Some(value) = value {
                option(&format!("--{name}={value}"));
            }
        }
        option(&format!("--cpus-per-task={}", cpus.unwrap_or(1)));
        options.iter().for_each(|it| option(it));
        text.push_str("\nset -euo pipefail\n");
        text.push_str(&format!("cd {}\n", quoted(&self.folder.display().to_string())));
        text.push_str("\n# What each task of the job arrays runs.\ntasks=(\n");
        for task in tasks {
            text.push_str(&format!("    {}\n", quoted(&task.arguments.join(" "))));
        }
        text.push_str(")\n\n");
        text.push_str("read -ra task <<<\"${tasks[$1 + SLURM_ARRAY_TASK_ID]}\"\n");
        let words: Vec<String> = self.command.iter().map(|word| quoted(word)).collect();
        text.push_str(&format!("exec {} \"${{task[@]}}\"\n", words.join(" ")));
        text
    }
}

/// The text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_says_what_the_launcher_says_and_quotes_the_rest() {
        let launcher = LauncherSpec {
            partition: Some("gpu".to_owned()),
            time: Some("01:00:00".to_owned()),
            cpus: Some(4),
            options: vec!["--account=me".to_owned()],
            ..LauncherSpec::default()
        };
        let command = ["isthmus", "run", "it's mine.toml"].map(str::to_owned);
        let script = Script {
            experiment: "mine",
            launcher: &launcher,
            folder: Path::new("/my folder"),
            command: &command,
        };
        let task = |id: &str| Task {
            arguments: vec!["--only".to_owned(), id.to_owned()],
            runs: vec![id.to_owned()],
        };
        insta::assert_snapshot!(script.text(&[&task("a1"), &task("b2,c3")]));
    }
}
