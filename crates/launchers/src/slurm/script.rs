//! The script of the tasks of job arrays.

use isthmus_core::launcher::Submission;

use super::Slurm;

/// The text for all tasks of all arrays. Called with a number, the task of an array runs the entry
/// that stands so far behind the number.
pub fn text(slurm: &Slurm, submission: &Submission<'_>) -> String {
    let mut text = "#!/usr/bin/env bash\n".to_owned();
    let mut option = |option: &str| text.push_str(&format!("#SBATCH {option}\n"));
    option(&format!("--job-name=isthmus-{}", submission.experiment));
    // Preempted tasks and those of a node that fails are queued again, and go on from their
    // last checkpoints.
    option("--requeue");
    option("--open-mode=append");
    let Slurm { partition, time, cpus, memory, options, .. } = slurm;
    for (name, value) in [("partition", partition), ("time", time), ("mem", memory)] {
        if let Some(value) = value {
            option(&format!("--{name}={value}"));
        }
    }
    option(&format!("--cpus-per-task={cpus}"));
    options.iter().for_each(|it| option(it));
    text.push_str("\nset -euo pipefail\n");
    text.push_str(&format!("cd {}\n", quoted(&submission.working_folder.display().to_string())));
    text.push_str("\n# What each task of the job arrays runs.\ntasks=(\n");
    for task in submission.arrays.iter().flat_map(|array| &array.tasks) {
        text.push_str(&format!("    {}\n", quoted(&task.arguments.join(" "))));
    }
    text.push_str(")\n\n");
    text.push_str("read -ra task <<<\"${tasks[$1 + SLURM_ARRAY_TASK_ID]}\"\n");
    let words: Vec<String> = submission.command.iter().map(|word| quoted(word)).collect();
    text.push_str(&format!("exec {} \"${{task[@]}}\"\n", words.join(" ")));
    text
}

/// The text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;
    use std::sync::LazyLock;

    use isthmus_core::launcher::{After, JobArray, Task};

    use super::*;

    static COMMAND: LazyLock<[String; 3]> =
        LazyLock::new(|| ["isthmus", "run", "it's mine.toml"].map(str::to_owned));

    /// Two arrays of a task each, the second after the first.
    pub fn arrays() -> [JobArray; 2] {
        [("a1", After::Nothing), ("b2,c3", After::End)].map(|(id, after)| {
            let arguments = vec!["--only".to_owned(), id.to_owned()];
            JobArray { tasks: vec![Task { arguments, runs: vec![id.to_owned()] }], after }
        })
    }

    /// One of them.
    pub fn submission<'a>(
        arrays: &'a [JobArray],
        place: usize,
        before: Option<&'a str>,
    ) -> Submission<'a> {
        Submission {
            experiment: "mine",
            folder: Path::new("/my folder/100%"),
            logs: Path::new("/my folder/100%/launch"),
            working_folder: Path::new("/my folder"),
            command: &*COMMAND,
            arrays,
            place,
            before,
        }
    }

    #[test]
    fn the_script_says_what_the_launcher_says_and_quotes_the_rest() {
        let slurm = Slurm {
            partition: Some("gpu".to_owned()),
            time: Some("01:00:00".to_owned()),
            cpus: 4,
            options: vec!["--account=me".to_owned()],
            ..Slurm::default()
        };
        let arrays = arrays();
        insta::assert_snapshot!(text(&slurm, &submission(&arrays, 0, None)));
    }
}
