//! The `[launcher]` table: who starts the runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Diagnostics;
use super::data::read;
use super::raw::RawLauncher;
use super::tree::{Node, child};

/// Largest number of tasks of a job array where none is stated: Slurm's own default allows
/// indices up to 1000.
const DEFAULT_TASKS: usize = 1000;

/// Who starts the runs of an experiment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "LauncherName")]
pub enum Launcher {
    /// This process, on this machine.
    #[default]
    Local,
    /// Slurm, by a job array.
    Slurm,
}

/// Who starts the runs, and what it is told. No run's numbers depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LauncherSpec {
    /// Who starts them.
    pub name: Launcher,
    /// Slurm's partition.
    pub partition: Option<String>,
    /// Longest time of a task, as Slurm writes it.
    pub time: Option<String>,
    /// Processors of a task.
    pub cpus: Option<usize>,
    /// Memory of a task, as Slurm writes it.
    pub memory: Option<String>,
    /// Largest number of tasks of a job array.
    pub tasks: usize,
    /// Further options of `sbatch`.
    pub options: Vec<String>,
}

impl Default for LauncherSpec {
    fn default() -> Self {
        Self {
            name: Launcher::Local,
            partition: None,
            time: None,
            cpus: None,
            memory: None,
            tasks: DEFAULT_TASKS,
            options: Vec::new(),
        }
    }
}

impl LauncherSpec {
    /// Whether nothing was said of the launcher.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads `[launcher]`.
pub(super) fn check(node: &Node<'_>, diagnostics: &mut Diagnostics) -> Option<LauncherSpec> {
    let raw: RawLauncher = read(node, diagnostics)?;
    let errors = diagnostics.errors();
    // These become words of a script's `#SBATCH` lines.
    let words = [("partition", &raw.partition), ("time", &raw.time), ("memory", &raw.memory)];
    for (key, value) in words {
        if let (Some(value), Some(node)) = (value, child(node, key))
            && !is_word(value)
        {
            let message =
                format!("`launcher.{key} = {value:?}` must be one word, without spaces or quotes");
            diagnostics.error(node.span(), message);
        }
    }
    for (position, option) in raw.options.iter().enumerate() {
        if !(option.starts_with('-') && is_word(option)) {
            let place = child(node, "options")
                .and_then(|list| child(list, &position.to_string()))
                .map_or(node.span(), Node::span);
            diagnostics.error_with(
                place,
                format!("`launcher.options[{position}] = {option:?}` is not an option of sbatch"),
                "write each as one word: `options = [\"--account=project\", \"--gres=gpu:1\"]`",
            );
        }
    }
    (diagnostics.errors() == errors).then(|| LauncherSpec {
        name: raw.name,
        partition: raw.partition,
        time: raw.time,
        cpus: raw.cpus,
        memory: raw.memory,
        tasks: raw.tasks.unwrap_or(DEFAULT_TASKS),
        options: raw.options,
    })
}

fn is_word(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_graphic() && !"'\"\\`#$".contains(letter);
    !text.is_empty() && text.chars().all(fits)
}
