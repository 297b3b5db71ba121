//! Chooses the value that stands for each run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use polars::prelude::{
    IntoLazy, JoinArgs, JoinType, LazyFrame, MaintainOrderJoin, SortOptions, col, lit,
};

use super::{CompareOptions, Dimension};
use crate::error::CompareError;
use crate::record::RunInfo;
use crate::table::Runs;

/// A run with the value that is compared.
#[derive(Debug)]
pub(super) struct Chosen<'a> {
    pub path: &'a Path,
    pub run: &'a RunInfo,
    pub value: f64,
}

/// Every run once, with the metric's value at the last step of its last stage.
pub(super) fn choose<'a>(
    runs: &'a Runs,
    options: &CompareOptions,
    notes: &mut Vec<String>,
) -> Result<Vec<Chosen<'a>>, CompareError> {
    let values = final_values(runs, &options.metric)?;
    if values.is_empty() {
        return Err(no_metric(runs, &options.metric)?);
    }
    let mut without = Vec::new();
    let mut all = Vec::with_capacity(runs.runs.len());
    for (place, (path, run)) in runs.runs.iter().enumerate() {
        match values.get(&place) {
            Some(&value) => all.push(Chosen { path, run, value }),
            None => without.push(path),
        }
    }
    if let Some(first) = without.first() {
        notes.push(format!(
            "{} without `{}` in the last stage: {}{}.",
            count(without.len(), "run"),
            options.metric,
            first.display(),
            if without.len() > 1 { ", …" } else { "" }
        ));
    }
    without_copies(all, options, notes)
}

/// Copies of a record, and jobs that several experiments share, count once.
fn without_copies<'a>(
    all: Vec<Chosen<'a>>,
    options: &CompareOptions,
    notes: &mut Vec<String>,
) -> Result<Vec<Chosen<'a>>, CompareError> {
    let by_experiment = options.shows(Dimension::Experiment);
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    let mut chosen: Vec<Chosen<'a>> = Vec::with_capacity(all.len());
    let mut copies = 0;
    for run in all {
        let experiment = if by_experiment { run.run.experiment.as_str() } else { "" };
        match places.get(&(experiment, run.run.id.as_str())) {
            None => {
                places.insert((experiment, &run.run.id), chosen.len());
                chosen.push(run);
            }
            Some(&place) if chosen[place].value.to_bits() == run.value.to_bits() => copies += 1,
            Some(&place) => {
                return Err(CompareError::Ambiguous {
                    first: chosen[place].path.to_owned(),
                    second: run.path.to_owned(),
                    difference: "with different results",
                });
            }
        }
    }
    if copies > 0 {
        notes.push(format!("{} found more than once and counted once.", count(copies, "run")));
    }
    Ok(chosen)
}

/// By `record`, the value at the last step; of equal steps the one that was written last.
fn final_values(runs: &Runs, metric: &str) -> Result<HashMap<usize, f64>, CompareError> {
    let frame = last_stages(runs)?.filter(col("metric").eq(lit(metric))).collect()?;
    let records = frame.column("record")?.u32()?.iter();
    let steps = frame.column("step")?.u64()?.iter();
    let values = frame.column("value")?.f64()?.iter();
    let mut last: HashMap<usize, (u64, f64)> = HashMap::new();
    for ((record, step), value) in records.zip(steps).zip(values) {
        let (Some(record), Some(step), Some(value)) = (record, step, value) else { continue };
        let entry = last.entry(record as usize).or_insert((step, value));
        if step >= entry.0 {
            *entry = (step, value);
        }
    }
    Ok(last.into_iter().map(|(record, (_, value))| (record, value)).collect())
}

/// Rows of the last stage of each run, in the order in which they were written.
fn last_stages(runs: &Runs) -> Result<LazyFrame, CompareError> {
    let facts = runs.facts()?.lazy().select([col("record"), col("last_stage")]);
    let record = [col("record")];
    let mut join = JoinArgs::new(JoinType::Inner);
    join.maintain_order = MaintainOrderJoin::Left;
    Ok(runs
        .metrics
        .clone()
        .lazy()
        .join(facts, record.clone(), record, join)
        .filter(col("stage").eq(col("last_stage"))))
}

fn no_metric(runs: &Runs, metric: &str) -> Result<CompareError, CompareError> {
    let frame = last_stages(runs)?
        .group_by([col("metric")])
        .agg([])
        .select([col("metric").sort(SortOptions::default())])
        .collect()?;
    let available: Vec<String> =
        frame.column("metric")?.str()?.iter().flatten().map(str::to_owned).collect();
    let suggestion = available
        .iter()
        .map(|name| (strsim::jaro_winkler(name, metric), name))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.clone());
    Ok(CompareError::NoMetric { metric: metric.to_owned(), suggestion, available })
}

/// `1 run`, `2 runs`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The folder of a run, for messages.
pub(super) fn folder(run: &Chosen<'_>) -> PathBuf {
    run.path.to_owned()
}

impl CompareOptions {
    /// Whether the dimension is the rows or the columns.
    pub(super) fn shows(&self, dimension: Dimension) -> bool {
        self.rows == dimension || self.columns == dimension
    }
}
