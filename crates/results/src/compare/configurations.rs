//! Keeps runs of one label but different configurations apart.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::runs::{Chosen, folder};
use super::{CompareOptions, Dimension};
use crate::error::CompareError;
use crate::record::{read_job, without_task_and_seed};

/// Methods of one label within one data set (and one experiment, where that is shown): these
/// would share a row.
type Group<'a> = (&'a str, &'a str, &'a str);

/// The label of each run's method: its own, or with the configuration's id where runs of one
/// label have several. Merging them would average different experiments.
pub(super) fn method_labels(
    chosen: &[Chosen<'_>],
    options: &CompareOptions,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, CompareError> {
    refuse_clashes(chosen, options)?;
    let mut examples: BTreeMap<Group<'_>, BTreeMap<&str, &Chosen<'_>>> = BTreeMap::new();
    for run in chosen {
        let group = examples.entry(group(run, options)).or_default();
        group.entry(&run.run.configuration).or_insert(run);
    }
    let mut split = BTreeSet::new();
    for ((dataset, method, _), configurations) in &examples {
        if configurations.len() > 1 {
            split.insert((*dataset, *method));
            notes.push(note(method, configurations)?);
        }
    }
    Ok(chosen
        .iter()
        .map(|run| {
            let method = run.run.method.as_str();
            if split.contains(&(run.run.dataset.as_str(), method)) {
                format!("{method} [{}]", run.run.configuration)
            } else {
                method.to_owned()
            }
        })
        .collect())
}

fn group<'a>(run: &Chosen<'a>, options: &CompareOptions) -> Group<'a> {
    let experiment =
        if options.shows(Dimension::Experiment) { run.run.experiment.as_str() } else { "" };
    (&run.run.dataset, &run.run.method, experiment)
}

/// Runs that agree in everything that a table can show are different all the same: the data is.
fn refuse_clashes(chosen: &[Chosen<'_>], options: &CompareOptions) -> Result<(), CompareError> {
    let mut seen = HashMap::new();
    for run in chosen {
        let key = (group(run, options), &run.run.configuration, &run.run.task, run.run.seed);
        if let Some(first) = seen.insert(key, run) {
            return Err(CompareError::Ambiguous {
                first: folder(first),
                second: folder(run),
                difference: "on different data",
            });
        }
    }
    Ok(())
}

fn note(
    method: &str,
    configurations: &BTreeMap<&str, &Chosen<'_>>,
) -> Result<String, CompareError> {
    let mut versions = BTreeSet::new();
    let mut jobs = Vec::new();
    for run in configurations.values() {
        versions.insert(run.run.isthmus_version.as_str());
        jobs.push(without_task_and_seed(read_job(run.path)?));
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
