//! Names the rows of methods: keeps runs of one label but different configurations apart, and
//! gathers the runs of a sweep.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::filter::{setting_text, short};
use super::{CompareOptions, Dimension};
use crate::error::CompareError;
use crate::record::{RunInfo, read_job, without_task_and_seed};
use crate::table::Runs;

/// Methods of one label within one data set (and one experiment, where that is shown): these
/// would share a row.
type Group<'a> = (&'a str, &'a str, &'a str);

/// An example run of each configuration.
type Configurations<'a> = BTreeMap<&'a str, (&'a Path, &'a RunInfo)>;

/// The runs of one label.
#[derive(Default)]
struct Members<'a> {
    /// Runs without a sweep.
    plain: Configurations<'a>,
    /// Sweeps by the keys that they set, then by the values.
    sweeps: BTreeMap<Vec<&'a str>, BTreeMap<String, Configurations<'a>>>,
}

/// What a run's row is called.
#[derive(Clone, Debug)]
pub(crate) struct MethodLabel {
    /// By itself: the method, with the settings of a sweep, and with the configuration's id where
    /// runs of one label have several. Merging them would average different experiments.
    pub own: String,
    /// Among the runs of its sweep, from which one is chosen.
    pub pool: String,
}

/// The labels of runs, by their place in `kept`.
pub(crate) struct Labels {
    pub methods: Vec<MethodLabel>,
    /// Two runs of one sweep that differ in more than their settings.
    pub mixed: Option<(PathBuf, PathBuf)>,
}

pub(crate) fn method_labels(
    runs: &Runs,
    kept: &[usize],
    options: &CompareOptions,
    notes: &mut Vec<String>,
) -> Result<Labels, CompareError> {
    let of = |place: usize| -> (&Path, &RunInfo) {
        let (path, run) = &runs.runs[place];
        (path, run)
    };
    refuse_clashes(kept.iter().map(|&place| of(place)), options)?;
    let mut groups: HashMap<Group<'_>, Members<'_>> = HashMap::new();
    for (path, run) in kept.iter().map(|&place| of(place)) {
        let members = groups.entry(group(run, options)).or_default();
        let configurations = if run.settings.is_empty() {
            &mut members.plain
        } else {
            let sweep = members.sweeps.entry(keys(run)).or_default();
            sweep.entry(settings_text(&run.settings)).or_default()
        };
        configurations.entry(&run.configuration).or_insert((path, run));
    }
    let mut mixed = None;
    let mut sorted: Vec<(&Group<'_>, &Members<'_>)> = groups.iter().collect();
    sorted.sort_by_key(|(group, _)| **group);
    for ((_, method, _), members) in sorted {
        if members.plain.len() > 1 {
            notes.push(note(method, &members.plain)?);
        }
        for (settings, configurations) in members.sweeps.values().flatten() {
            if configurations.len() > 1 {
                notes.push(note(&format!("{method} ({settings})"), configurations)?);
                let mut paths = configurations.values().map(|(path, _)| path.to_path_buf());
                mixed = mixed.or_else(|| Some((paths.next()?, paths.next()?)));
            }
        }
    }
    let label = |&place: &usize| {
        let (_, run) = of(place);
        label(run, &groups[&group(run, options)])
    };
    let mut methods: Vec<MethodLabel> = kept.iter().map(label).collect();
    if mixed.is_none() {
        let run = |place: usize| of(kept[place]).1;
        notes.extend(join_winners(&mut methods, run, options));
    }
    Ok(Labels { methods, mixed })
}

/// One setting of a sweep for each task, and another one for another task, are one row: that is
/// what successive halving leaves where settings win by task. Returns what is to be said of it.
fn join_winners<'a>(
    methods: &mut [MethodLabel],
    run: impl Fn(usize) -> &'a RunInfo,
    options: &CompareOptions,
) -> Vec<String> {
    let mut sweeps: BTreeMap<(Group<'_>, String), Vec<usize>> = BTreeMap::new();
    for (place, label) in methods.iter().enumerate() {
        let run = run(place);
        if !run.settings.is_empty() {
            sweeps.entry((group(run, options), label.pool.clone())).or_default().push(place);
        }
    }
    let mut notes = Vec::new();
    for ((_, pool), places) in sweeps {
        let mut seen = HashSet::new();
        let mut by_task: BTreeMap<(usize, String), String> = BTreeMap::new();
        let settled = places.iter().all(|&place| {
            let run = run(place);
            let task = (run.position.task, run.task.to_string());
            let settings = settings_text(&run.settings);
            let known = by_task.entry(task).or_insert_with(|| settings.clone());
            seen.insert((&run.task, run.seed)) && *known == settings
        });
        let different: BTreeSet<&String> = by_task.values().collect();
        if settled && different.len() > 1 {
            places.iter().for_each(|&place| methods[place].own.clone_from(&pool));
            let tasks = by_task.iter().map(|((_, task), settings)| format!("{settings} on {task}"));
            notes.push(format!(
                "`{pool}` has one setting a task, not the same on all: {}.",
                tasks.collect::<Vec<_>>().join("; ")
            ));
        }
    }
    notes
}

impl Labels {
    /// Nothing can be chosen among runs of different experiments.
    pub fn refuse_mixed(&self) -> Result<(), CompareError> {
        match self.mixed.clone() {
            Some((first, second)) => Err(CompareError::MixedSweep { first, second }),
            None => Ok(()),
        }
    }
}

fn label(run: &RunInfo, members: &Members<'_>) -> MethodLabel {
    let RunInfo { method, configuration, settings, .. } = run;
    if settings.is_empty() {
        let several = members.plain.len() > 1;
        let own = if several { format!("{method} [{configuration}]") } else { method.clone() };
        return MethodLabel { pool: own.clone(), own };
    }
    let keys = keys(run);
    let text = settings_text(settings);
    let several = members.sweeps[&keys][&text].len() > 1;
    let own = match several {
        true => format!("{method} ({text}) [{configuration}]"),
        false => format!("{method} ({text})"),
    };
    let alone = members.plain.is_empty() && members.sweeps.len() == 1;
    let pool = if alone {
        method.clone()
    } else {
        let names: Vec<&str> = keys.iter().map(|key| shown(key, settings)).collect();
        format!("{method} (sweep of {})", names.join(", "))
    };
    MethodLabel { own, pool }
}

fn keys(run: &RunInfo) -> Vec<&str> {
    let mut keys: Vec<&str> = run.settings.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// The values that a sweep set, as tables write them: `lr=0.1, weight=0.5`, sorted by key.
pub fn settings_text(settings: &Map<String, Value>) -> String {
    let sorted: BTreeMap<&String, &Value> = settings.iter().collect();
    let text = |(key, value): (&String, &Value)| {
        format!("{}={}", shown(key, settings), setting_text(value))
    };
    sorted.into_iter().map(text).collect::<Vec<_>>().join(", ")
}

/// The key's last part, or all of it where another key ends the same.
fn shown<'a>(key: &'a str, settings: &Map<String, Value>) -> &'a str {
    let alike = settings.keys().filter(|other| short(other) == short(key)).count();
    if alike > 1 { key } else { short(key) }
}

fn group<'a>(run: &'a RunInfo, options: &CompareOptions) -> Group<'a> {
    let experiment =
        if options.shows(Dimension::Experiment) { run.experiment.as_str() } else { "" };
    (&run.dataset, &run.method, experiment)
}

/// Runs that agree in everything that a table can show are different all the same: the data is.
fn refuse_clashes<'a>(
    runs: impl Iterator<Item = (&'a Path, &'a RunInfo)>,
    options: &CompareOptions,
) -> Result<(), CompareError> {
    let mut seen = HashMap::new();
    for (path, run) in runs {
        let key = (group(run, options), &run.configuration, &run.task, run.seed);
        if let Some(first) = seen.insert(key, path) {
            return Err(CompareError::Ambiguous {
                first: first.to_owned(),
                second: path.to_owned(),
                difference: "on different data",
            });
        }
    }
    Ok(())
}

fn note(method: &str, configurations: &Configurations<'_>) -> Result<String, CompareError> {
    let mut versions = BTreeSet::new();
    let mut jobs = Vec::new();
    for (path, run) in configurations.values() {
        versions.insert(run.isthmus_version.as_str());
        jobs.push(without_task_and_seed(read_job(path)?));
    }
    let mut differences = Vec::new();
    if let Some((first, others)) = jobs.split_first() {
        for other in others {
            differ("", first, other, &mut differences);
        }
    }
    if versions.len() > 1 {
        differences.push("the version of isthmus".to_owned());
    }
    differences.sort();
    differences.dedup();
    const SHOWN: usize = 3;
    let more = differences.len().saturating_sub(SHOWN);
    differences.truncate(SHOWN);
    let mut text = format!(
        "`{method}` has {} configurations, kept apart; they differ in {}",
        configurations.len(),
        differences.join(", ")
    );
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text.push('.');
    Ok(text)
}

/// Paths of the values in which two jobs differ.
fn differ(path: &str, first: &Value, second: &Value, differences: &mut Vec<String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (first, second) {
        (Value::Object(first), Value::Object(second)) => {
            let keys: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
            for key in keys {
                let value = |object: &serde_json::Map<String, Value>| {
                    object.get(key).cloned().unwrap_or(Value::Null)
                };
                differ(&below(key), &value(first), &value(second), differences);
            }
        }
        (Value::Array(first), Value::Array(second)) if first.len() == second.len() => {
            for (index, (first, second)) in first.iter().zip(second).enumerate() {
                differ(&below(&index.to_string()), first, second, differences);
            }
        }
        _ if first == second => {}
        _ => differences.push(format!("`{path}`")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_named_by_their_path() {
        let first = json!({ "a": { "b": [1, 2] }, "c": [1], "d": 1 });
        let second = json!({ "a": { "b": [1, 3] }, "c": [1, 2], "e": 1 });
        let mut differences = Vec::new();
        differ("", &first, &second, &mut differences);
        assert_eq!(differences, ["`a.b.1`", "`c`", "`d`", "`e`"]);
    }
}
