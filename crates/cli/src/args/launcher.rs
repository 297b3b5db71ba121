//! The launcher of the command line.

use clap::Args;
use toml_edit::{DocumentMut, Value};

use super::at_least_one;

/// Who starts the runs, instead of whom the file says. The options besides the name are fields of
/// the launcher that are called so; `--set launcher.FIELD=VALUE` sets any other.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Launcher")]
pub struct LauncherArguments {
    /// Who starts the runs: `local` runs them here, `slurm` hands them to a cluster; `isthmus list
    /// launchers` shows all
    #[arg(long = "launcher", value_name = "NAME")]
    pub name: Option<String>,
    /// The cluster's partition
    #[arg(long)]
    pub partition: Option<String>,
    /// Longest time of a task, as the cluster writes it: `02:00:00`
    #[arg(long)]
    pub time: Option<String>,
    /// Processors of a task
    #[arg(long, value_parser = at_least_one)]
    pub cpus: Option<usize>,
    /// Memory of a task, as the cluster writes it: `8G`
    #[arg(long)]
    pub memory: Option<String>,
    /// Largest number of tasks of a job array: the runs are shared out among them
    #[arg(long, value_parser = at_least_one)]
    pub tasks: Option<usize>,
    /// A further option of the command that submits: `--sbatch=--account=project`
    #[arg(long = "sbatch", value_name = "OPTION", allow_hyphen_values = true)]
    pub options: Vec<String>,
}

impl LauncherArguments {
    /// The values as `--set` sets them in a file of this text. A launcher that is not the file's
    /// takes nothing over from the file's table, whose fields are not its own.
    pub fn settings(&self, text: &str) -> Vec<String> {
        let text_of = |key: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!("launcher.{key}={}", quoted(value)))
        };
        let number =
            |key: &str, value: Option<usize>| value.map(|value| format!("launcher.{key}={value}"));
        let options: Vec<String> = self.options.iter().map(|option| quoted(option)).collect();
        let name = self.name.as_ref().filter(|name| !is_named(text, name));
        [
            name.map(|name| format!("launcher={{ name = {} }}", quoted(name))),
            text_of("partition", &self.partition),
            text_of("time", &self.time),
            number("cpus", self.cpus),
            text_of("memory", &self.memory),
            number("tasks", self.tasks),
            (!options.is_empty()).then(|| format!("launcher.options=[{}]", options.join(", "))),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Whether the file's launcher is `name`. A table without a name, or a text that is not TOML, is
/// left as it is: what is missing there is told when the file is checked.
fn is_named(text: &str, name: &str) -> bool {
    let Ok(document) = text.parse::<DocumentMut>() else { return true };
    let Some(table) = document.get("launcher") else { return false };
    table.get("name").is_none_or(|written| written.as_str() == Some(name))
}

/// The text as TOML writes it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launcher_that_is_not_the_files_takes_nothing_over() {
        let arguments = LauncherArguments {
            name: Some("slurm".to_owned()),
            tasks: Some(3),
            options: vec!["--account=me".to_owned()],
            ..LauncherArguments::default()
        };
        let fields = ["launcher.tasks=3", "launcher.options=[\"--account=me\"]"];
        assert_eq!(arguments.settings("[launcher]\nname = \"slurm\"\ncpus = 2\n"), fields);
        assert_eq!(arguments.settings("[launcher]\ncpus = 2\n"), fields);
        for other in ["", "[launcher]\nname = \"pbs\"\nqueue = \"long\"\n"] {
            let settings = arguments.settings(other);
            assert_eq!(settings[0], "launcher={ name = \"slurm\" }");
            assert_eq!(settings[1..], fields);
        }
    }
}
