//! What can be said of runs whose target has no labels: how far their predictions spread, and
//! what validators make of them.

use std::collections::{BTreeMap, BTreeSet};

use isthmus_core::metric::{Measure, Metrics, TARGET_PREFIX};
use isthmus_core::spec::Task;
use isthmus_core::validation::SCORE_PREFIX;

use super::configurations::method_labels;
use super::runs::Candidates;
use super::{CompareOptions, Label};
use crate::error::CompareError;
use crate::statistics::{Summary, mean};
use crate::table::{Runs, last_stage};

/// Last checkpoints of the runs on one data set whose targets have no labels.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelFreeTable {
    /// The data set.
    pub dataset: String,
    /// What is absent for want of labels: the primary metric.
    pub absent: Measure,
    /// The tasks that each value is a mean over.
    pub tasks: Vec<Task>,
    /// The columns: effective classes and validators' scores, where runs have them.
    pub measures: Vec<Measure>,
    /// One row a method.
    pub rows: Vec<LabelFreeRow>,
}

/// A method of a [`LabelFreeTable`].
#[derive(Clone, Debug, PartialEq)]
pub struct LabelFreeRow {
    /// The method.
    pub label: Label,
    /// One cell a measure: for each seed the mean over the tasks, then mean and spread over the
    /// seeds that have all tasks; `None` where none has.
    pub cells: Vec<Option<Summary>>,
}

/// A table a data set.
pub(super) fn tables(
    candidates: &Candidates<'_>,
    options: &CompareOptions,
    notes: &mut Vec<String>,
) -> Result<Vec<LabelFreeTable>, CompareError> {
    if candidates.unlabelled.is_empty() {
        return Ok(Vec::new());
    }
    let runs = candidates.runs;
    let labels = method_labels(runs, &candidates.unlabelled, options, notes)?;
    let mut datasets: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    for (&place, label) in candidates.unlabelled.iter().zip(&labels.methods) {
        let dataset = datasets.entry(&runs.runs[place].1.dataset).or_default();
        dataset.push((place, &label.own));
    }
    let absent = &candidates.compared.measure;
    Ok(datasets.into_iter().map(|(name, members)| table(runs, name, &members, absent)).collect())
}

fn table(
    runs: &Runs,
    dataset: &str,
    members: &[(usize, &str)],
    absent: &Measure,
) -> LabelFreeTable {
    let mut tasks: Vec<(usize, &Task)> = Vec::new();
    let mut methods: Vec<(bool, usize, &str)> = Vec::new();
    let mut names: BTreeSet<(bool, &str)> = BTreeSet::new();
    let mut values: BTreeMap<(&str, &str), BTreeMap<u64, Vec<f64>>> = BTreeMap::new();
    let mut metrics = &Metrics::classes();
    for &(place, method) in members {
        let run = &runs.runs[place].1;
        metrics = &run.metrics;
        if !tasks.iter().any(|(_, task)| *task == &run.task) {
            tasks.push((run.position.task, &run.task));
        }
        if !methods.iter().any(|(.., known)| *known == method) {
            methods.push((run.target_labels_used, run.position.method, method));
        }
        for (name, value) in last_values(runs, place) {
            names.insert((name.starts_with(SCORE_PREFIX), name));
            // A validator's score may be undefined: there is no mean over it.
            if !value.is_nan() {
                let by_seed = values.entry((method, name)).or_default();
                by_seed.entry(run.seed).or_default().push(value);
            }
        }
    }
    tasks.sort_by_key(|(position, _)| *position);
    methods.sort_unstable();
    let cell = |method: &str, name: &str| {
        let by_seed = values.get(&(method, name))?;
        let complete = by_seed.values().filter(|values| values.len() == tasks.len());
        Summary::of(&complete.filter_map(|values| mean(values)).collect::<Vec<_>>())
    };
    let rows = methods.iter().map(|&(upper_bound, _, method)| LabelFreeRow {
        label: Label { text: method.to_owned(), task: None, upper_bound },
        cells: names.iter().map(|(_, name)| cell(method, name)).collect(),
    });
    LabelFreeTable {
        dataset: dataset.to_owned(),
        absent: absent.clone(),
        rows: rows.collect(),
        measures: names.iter().map(|(_, name)| metrics.measure(name)).collect(),
        tasks: tasks.into_iter().map(|(_, task)| task.clone()).collect(),
    }
}

/// What needs no labels at the last step of the last stage.
fn last_values(runs: &Runs, place: usize) -> impl Iterator<Item = (&str, f64)> {
    let last = last_stage(&runs.runs[place].1);
    let mut latest: BTreeMap<&str, (u64, f64)> = BTreeMap::new();
    for row in runs.values(place).filter(|row| row.stage == last) {
        let name = runs.metric_names()[row.metric as usize].as_str();
        let label_free = name.starts_with(TARGET_PREFIX) || name.starts_with(SCORE_PREFIX);
        if label_free && latest.get(name).is_none_or(|(step, _)| *step <= row.step) {
            latest.insert(name, (row.step, row.value));
        }
    }
    latest.into_iter().map(|(name, (_, value))| (name, value))
}
