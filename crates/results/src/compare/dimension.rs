//! What rows and columns can be.

use std::fmt;
use std::str::FromStr;

use isthmus_core::spec::Task;

use crate::record::RunInfo;

/// What the rows or the columns of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The method's label.
    Method,
    /// Source domains and target domain.
    Task,
    /// The source domains.
    Source,
    /// The target domain.
    Target,
    /// The experiment's name.
    Experiment,
    /// The data set.
    Dataset,
    /// How the checkpoint was chosen: the last one, by a validator, or by target labels.
    Selection,
}

impl Dimension {
    /// All dimensions.
    pub const ALL: [Self; 7] = [
        Self::Method,
        Self::Task,
        Self::Source,
        Self::Target,
        Self::Experiment,
        Self::Dataset,
        Self::Selection,
    ];

    /// The name that users write.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Task => "task",
            Self::Source => "source",
            Self::Target => "target",
            Self::Experiment => "experiment",
            Self::Dataset => "dataset",
            Self::Selection => "selection",
        }
    }

    /// Whether an average over its values says something: one over tasks does, one over methods
    /// does not.
    pub(crate) const fn is_averaged(self) -> bool {
        matches!(self, Self::Task | Self::Source | Self::Target)
    }

    pub(crate) fn value(self, run: &RunInfo, method: &str, selection: &str) -> String {
        match self {
            Self::Method => method.to_owned(),
            Self::Task => run.task.to_string(),
            Self::Source => run.task.sources.join(" + "),
            Self::Target => run.task.target.clone(),
            Self::Experiment => run.experiment.clone(),
            Self::Dataset => run.dataset.clone(),
            Self::Selection => selection.to_owned(),
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dimension {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|dimension| dimension.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is not one of {names}")
        })
    }
}

/// Heads a row or a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The text.
    pub text: String,
    /// The task, where the label is one: outputs write its arrow in their own way.
    pub task: Option<Task>,
    /// Whether all its runs trained on target labels.
    pub upper_bound: bool,
}
