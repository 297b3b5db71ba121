//! Which runs take part.

use std::collections::BTreeSet;
use std::str::FromStr;

use isthmus_core::spec::Shift;

use super::Dimension;
use crate::error::CompareError;
use crate::record::RunInfo;
use crate::table::Runs;

/// A condition `key=value` that runs must meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    key: Key,
    value: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Dimension(Dimension),
    /// A key that a sweep set, in full or its last part.
    Setting(String),
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((key, value)) = text.split_once('=') else {
            return Err(format!("`{text}` is not `key=value`, as in `method=dann`"));
        };
        let key = match key.trim() {
            "selection" => return Err("the selection is set by `--selection`".to_owned()),
            key => {
                Dimension::known(key).map_or_else(|| Key::Setting(key.to_owned()), Key::Dimension)
            }
        };
        Ok(Self { key, value: value.trim().to_owned() })
    }
}

impl Filter {
    fn name(&self) -> &str {
        match &self.key {
            Key::Dimension(dimension) => dimension.name(),
            Key::Setting(key) => key,
        }
    }

    /// The values that the run has for the key.
    fn values(&self, run: &RunInfo) -> Vec<String> {
        match &self.key {
            Key::Dimension(Dimension::Source) => {
                let mut sources = run.task.sources.clone();
                if sources.len() > 1 {
                    sources.push(sources.join(" + "));
                }
                sources
            }
            Key::Dimension(dimension) if dimension.is_of_shifts() => {
                dimension.values_of_shifts(run)
            }
            Key::Dimension(dimension) => vec![dimension.value(run, &run.method, "")],
            Key::Setting(key) => run
                .settings
                .iter()
                .filter(|(name, _)| *name == key || short(name) == key)
                .map(|(_, value)| setting_text(value))
                .collect(),
        }
    }

    /// Whether it concerns domains of streams, which are parts of runs.
    pub(super) fn is_of_shifts(&self) -> bool {
        matches!(&self.key, Key::Dimension(dimension) if dimension.is_of_shifts())
    }

    fn admits_shift(&self, shift: &Shift) -> bool {
        let Key::Dimension(dimension) = &self.key else { return true };
        dimension.value_of_shift(shift).is_none_or(|value| plain(&value) == plain(&self.value))
    }

    fn admits(&self, run: &RunInfo) -> bool {
        let wanted = plain(&self.value);
        self.values(run).iter().any(|value| plain(value) == wanted)
    }
}

/// The last part of a key of the experiment file.
pub(super) fn short(key: &str) -> &str {
    key.rsplit_once('.').map_or(key, |(_, last)| last)
}

/// The value of a setting as users write it.
pub fn setting_text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Tasks may be written with either arrow and any spaces.
fn plain(text: &str) -> String {
    text.replace('→', "->").chars().filter(|c| !c.is_whitespace()).collect()
}

/// Whether a domain of a stream meets the filters: of filters with one key any, of different keys
/// all.
pub(super) fn admits_shift(filters: &[Filter], shift: &Shift) -> bool {
    let keys: BTreeSet<&str> = filters.iter().map(Filter::name).collect();
    keys.into_iter().all(|key| filters.iter().any(|it| it.name() == key && it.admits_shift(shift)))
}

/// The places of the runs that meet the filters: of filters with one key any, of different keys
/// all.
pub(super) fn admitted(runs: &Runs, filters: &[Filter]) -> Result<Vec<usize>, CompareError> {
    let keys: BTreeSet<&str> = filters.iter().map(Filter::name).collect();
    let admits = |run: &RunInfo| {
        keys.iter().all(|key| filters.iter().any(|f| f.name() == *key && f.admits(run)))
    };
    for filter in filters {
        if !runs.runs.iter().any(|(_, run)| filter.admits(run)) {
            return Err(unknown(runs, filter));
        }
    }
    let places: Vec<usize> =
        (0..runs.runs.len()).filter(|&place| admits(&runs.runs[place].1)).collect();
    if places.is_empty() {
        let filters = filters.iter().map(|f| format!("{}={}", f.name(), f.value)).collect();
        return Err(CompareError::NothingAdmitted { filters });
    }
    Ok(places)
}

fn unknown(runs: &Runs, filter: &Filter) -> CompareError {
    let values: BTreeSet<String> =
        runs.runs.iter().flat_map(|(_, run)| filter.values(run)).collect();
    if values.is_empty() {
        let settings: BTreeSet<&str> = runs
            .runs
            .iter()
            .flat_map(|(_, run)| run.settings.keys())
            .map(|key| short(key))
            .collect();
        let keys = Dimension::ALL
            .iter()
            .filter(|dimension| **dimension != Dimension::Selection)
            .map(|dimension| dimension.name())
            .chain(settings)
            .map(str::to_owned)
            .collect();
        return CompareError::FilterKey { key: filter.name().to_owned(), keys };
    }
    CompareError::FilterValue {
        key: filter.name().to_owned(),
        value: filter.value.clone(),
        values: values.into_iter().collect(),
    }
}
