//! What rows and columns can be.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use isthmus_core::spec::{Shift, Task};
use serde_json::Value;

use super::filter::{setting_text, short};
use crate::error::CompareError;
use crate::record::RunInfo;
use crate::table::Runs;
use crate::words::similar;

/// What the rows or the columns of a table are.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// A domain of a stream, at any severity: the corruption, or the domain that is as it is.
    Shift,
    /// How strong the corruption of a stream's domain is.
    Severity,
    /// The seed.
    Seed,
    /// How the checkpoint was chosen: the last one, by a validator, or by target labels.
    Selection,
    /// The value that a sweep gave to this key of the experiment file, or to the one that ends in
    /// it: `training.optimizer.lr`, `lr`.
    Setting(String),
}

impl Dimension {
    /// All dimensions but the settings of sweeps.
    pub const ALL: [Self; 10] = [
        Self::Method,
        Self::Task,
        Self::Source,
        Self::Target,
        Self::Experiment,
        Self::Dataset,
        Self::Shift,
        Self::Severity,
        Self::Seed,
        Self::Selection,
    ];

    /// The name that users write.
    pub fn name(&self) -> &str {
        match self {
            Self::Method => "method",
            Self::Task => "task",
            Self::Source => "source",
            Self::Target => "target",
            Self::Experiment => "experiment",
            Self::Dataset => "dataset",
            Self::Shift => "shift",
            Self::Severity => "severity",
            Self::Seed => "seed",
            Self::Selection => "selection",
            Self::Setting(key) => key,
        }
    }

    /// The dimension of this name, where it is no setting.
    pub(crate) fn known(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.name() == name)
    }

    /// Whether an average over its values says something: one over tasks does, one over methods
    /// does not.
    pub(crate) fn is_averaged(&self) -> bool {
        matches!(self, Self::Task | Self::Source | Self::Target | Self::Shift | Self::Severity)
    }

    /// Whether its values are parts of a run: the domains of a stream.
    pub(crate) fn is_of_shifts(&self) -> bool {
        matches!(self, Self::Shift | Self::Severity)
    }

    /// Its name in the plural.
    pub(crate) fn plural(&self) -> String {
        match self {
            Self::Severity => "severities".to_owned(),
            other => format!("{other}s"),
        }
    }

    /// The value of a domain of a stream; `None` for dimensions of whole runs.
    pub(super) fn value_of_shift(&self, shift: &Shift) -> Option<String> {
        match self {
            Self::Shift => Some(shift.kind().to_owned()),
            Self::Severity => Some(
                shift
                    .severity()
                    .map_or_else(|| AS_IT_IS.to_owned(), |severity| severity.to_string()),
            ),
            _ => None,
        }
    }

    /// The values of a run: several where it has a stream.
    pub(super) fn values_of_shifts(&self, run: &RunInfo) -> Vec<String> {
        run.task.shifts.iter().filter_map(|shift| self.value_of_shift(shift)).collect()
    }

    pub(crate) fn value(&self, run: &RunInfo, method: &str, selection: &str) -> String {
        match self {
            Self::Method => method.to_owned(),
            Self::Task => run.task.to_string(),
            Self::Source => run.task.sources.join(" + "),
            Self::Target => run.task.target.clone(),
            Self::Experiment => run.experiment.clone(),
            Self::Dataset => run.dataset.clone(),
            Self::Shift | Self::Severity => self.values_of_shifts(run).join(", "),
            Self::Seed => run.seed.to_string(),
            Self::Selection => selection.to_owned(),
            Self::Setting(key) => setting(run, key)
                .map_or_else(|| NOT_SWEPT.to_owned(), |(_, value)| setting_text(value)),
        }
    }
}

/// The severity of a domain that is not corrupted.
const AS_IT_IS: &str = "as it is";
/// Heads the runs whose method has no values of a sweep's setting.
const NOT_SWEPT: &str = "not swept";

/// The key and value that a sweep gave to `key`, or to the key that ends in it.
pub fn setting<'a>(run: &'a RunInfo, key: &str) -> Option<(&'a str, &'a Value)> {
    let found = run.settings.get_key_value(key);
    let found = found.or_else(|| run.settings.iter().find(|(name, _)| short(name) == key));
    found.map(|(name, value)| (name.as_str(), value))
}

/// A setting must be one that a run has, and there are shifts only in streams.
pub(super) fn refuse_unknown(
    dimension: &Dimension,
    runs: &Runs,
    places: &[usize],
) -> Result<(), CompareError> {
    let infos = || places.iter().map(|&place| &runs.runs[place].1);
    if dimension.is_of_shifts() && infos().all(|run| run.task.shifts.is_empty()) {
        return Err(CompareError::NoStreams(dimension.name().to_owned()));
    }
    let Dimension::Setting(key) = dimension else { return Ok(()) };
    if infos().any(|run| setting(run, key).is_some()) {
        return Ok(());
    }
    let settings: BTreeSet<String> =
        infos().flat_map(|run| run.settings.keys()).map(|key| short(key).to_owned()).collect();
    let mut available = names();
    available.extend(settings);
    let suggestion = similar(key, &available);
    Err(CompareError::UnknownDimension { name: key.clone(), suggestion, available })
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dimension {
    type Err = String;

    /// Whatever is not the name of a dimension is a setting of a sweep.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "" => Err(format!("it must be one of {}, or a setting of a sweep", names().join(", "))),
            text => Ok(Self::known(text).unwrap_or_else(|| Self::Setting(text.to_owned()))),
        }
    }
}

/// The names of all dimensions but settings.
pub(crate) fn names() -> Vec<String> {
    Dimension::ALL.iter().map(|dimension| dimension.name().to_owned()).collect()
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
