//! One row a method: its last checkpoint, the choice of the best validator, the oracle's, and what
//! a step costs.
//!
//! The best validator is the one whose choices of a checkpoint lose least against the oracle's, on
//! average over the methods of the table, among those that score the most methods: one for all, so
//! that no method is shown by the validator that suits it. It is found with target labels, which the
//! choices themselves never see.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::compare::{
    CompareOptions, Comparison, Dimension, Direction, Label, Measure, Selection, Summary, Table,
    compare_runs,
};
use crate::error::{CompareError, RecordError};
use crate::record::{Event, RecordWarning, Rounds, read_events};
use crate::statistics::mean;
use crate::table::{Runs, last_stage};

/// The methods of one data set.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodTable {
    /// The data set.
    pub dataset: String,
    /// What the numbers are.
    pub measure: Measure,
    /// The best validator; `None` where no run has scores.
    pub validator: Option<String>,
    /// The method that costs are relative to.
    pub baseline: String,
    /// One row a method, in the order of the experiment; upper bounds last.
    pub rows: Vec<MethodRow>,
}

/// A method of a [`MethodTable`]. For each seed the mean over the tasks, then mean and deviation
/// over seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodRow {
    /// The method.
    pub label: Label,
    /// By the last checkpoint.
    pub last: Option<Summary>,
    /// By the checkpoint that the best validator chose.
    pub chosen: Option<Summary>,
    /// By the best checkpoint.
    pub oracle: Option<Summary>,
    /// What the validator's choices lose against the oracle's, at least 0; `None` where some runs
    /// have no scores.
    pub regret: Option<f64>,
    /// What the last stage costs; `None` where the records do not say.
    pub cost: Option<Cost>,
}

/// What the last stage of a method costs, without evaluations: that of the fastest run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cost {
    /// Seconds a step.
    Step(f64),
    /// Seconds in all, of a stage that is a single step.
    Once(f64),
}

impl MethodTable {
    /// The row of the baseline.
    pub fn baseline_row(&self) -> Option<&MethodRow> {
        self.rows.iter().find(|row| row.label.text == self.baseline)
    }

    /// The methods whose last checkpoints are worse than the baseline's, and by how much: at most
    /// 0, whatever the direction of the metric.
    pub fn below_baseline(&self) -> Vec<(&MethodRow, f64)> {
        let direction = self.measure.direction.unwrap_or(Direction::Higher);
        let Some(baseline) = self.baseline_row().and_then(|row| row.last) else {
            return Vec::new();
        };
        let gain = |row: &MethodRow| {
            Some(direction.upwards(row.last?.mean) - direction.upwards(baseline.mean))
        };
        let rows = self.rows.iter().filter(|row| !row.label.upper_bound);
        rows.filter_map(|row| Some((row, gain(row)?))).filter(|(_, gain)| *gain < 0.0).collect()
    }
}

/// Reads the records below the paths: one table a data set and metric. Costs are those of the runs
/// below `timed`, or where it names none, of the same runs.
///
/// # Errors
/// As [`compare`](crate::compare()), and if `baseline` is no method of a table.
pub fn method_tables(
    paths: &[PathBuf],
    timed: &[PathBuf],
    baseline: &str,
) -> Result<(Vec<MethodTable>, Vec<RecordWarning>), CompareError> {
    let runs = Runs::load(paths, Rounds::Last)?;
    let costs = match timed {
        [] => costs(&runs)?,
        timed => {
            let runs = Runs::load(timed, Rounds::Last)?;
            if runs.runs.is_empty() {
                return Err(runs.none_found(timed));
            }
            costs(&runs)?
        }
    };
    let options = CompareOptions {
        paths: paths.to_vec(),
        columns: Dimension::Selection,
        ..CompareOptions::default()
    };
    let Comparison { tables, warnings, .. } = compare_runs(runs, &options)?;
    let tables = tables.iter().map(|table| method_table(table, baseline, &costs));
    Ok((tables.collect::<Result<_, _>>()?, warnings))
}

/// By data set and method, the cost of each run.
type Costs = BTreeMap<(String, String), Vec<Cost>>;

fn costs(runs: &Runs) -> Result<Costs, RecordError> {
    let mut costs = Costs::new();
    for (directory, run) in &runs.runs {
        if let Some(cost) = cost(directory, last_stage(run) as usize)? {
            costs.entry((run.dataset.clone(), run.method.clone())).or_default().push(cost);
        }
    }
    Ok(costs)
}

/// What the last stage of a run cost, by the process that finished it.
fn cost(directory: &Path, last: usize) -> Result<Option<Cost>, RecordError> {
    let mut of_stage = None;
    let mut cost = None;
    for timed in read_events(directory)? {
        match timed.event {
            Event::StageStarted { stage, steps, .. } if stage == last => of_stage = Some(steps),
            Event::StageFinished { stage, steps, seconds } if stage == last && steps > 0 => {
                cost = Some(match of_stage {
                    Some(1) => Cost::Once(seconds),
                    _ => Cost::Step(seconds / steps as f64),
                });
            }
            _ => {}
        }
    }
    Ok(cost)
}

fn method_table(table: &Table, baseline: &str, costs: &Costs) -> Result<MethodTable, CompareError> {
    let names: Vec<String> = table.rows.iter().map(|row| row.label.text.clone()).collect();
    if !names.iter().any(|name| name == baseline) {
        return Err(CompareError::NoBaseline { baseline: baseline.to_owned(), methods: names });
    }
    let column = |selection: &Selection| {
        table.columns.iter().position(|label| label.text == selection.name())
    };
    let (last, oracle) = (column(&Selection::Last), column(&Selection::Oracle));
    let direction = table.measure.direction.unwrap_or(Direction::Higher);
    let cell = |row: usize, column: Option<usize>| table.rows[row].cells[column?];
    let regret = |row: usize, column: Option<usize>| {
        let (best, chosen) = (cell(row, oracle)?, cell(row, column)?);
        // Means over other seeds cannot be compared.
        (best.seeds == chosen.seeds)
            .then(|| direction.upwards(best.mean) - direction.upwards(chosen.mean))
    };
    let competitors: Vec<usize> =
        (0..table.rows.len()).filter(|&row| !table.rows[row].label.upper_bound).collect();
    let validators = (0..table.columns.len()).filter(|&it| Some(it) != last && Some(it) != oracle);
    let judged = validators.filter_map(|column| {
        let regrets: Vec<f64> =
            competitors.iter().filter_map(|&row| regret(row, Some(column))).collect();
        Some((column, regrets.len(), mean(&regrets)?))
    });
    // One that could score few methods is no choice for all; of equal ones the first by name.
    let best = judged
        .min_by(|(_, few, a), (_, many, b)| many.cmp(few).then(a.total_cmp(b)))
        .map(|(column, ..)| column);
    let dataset = table.dataset.clone().unwrap_or_default();
    let rows = table.rows.iter().enumerate().map(|(place, row)| MethodRow {
        label: row.label.clone(),
        last: cell(place, last),
        chosen: cell(place, best),
        oracle: cell(place, oracle),
        regret: regret(place, best),
        cost: costs.get(&(dataset.clone(), row.label.text.clone())).and_then(|it| fastest(it)),
    });
    Ok(MethodTable {
        measure: table.measure.clone(),
        validator: best.map(|column| table.columns[column].text.clone()),
        baseline: baseline.to_owned(),
        rows: rows.collect(),
        dataset,
    })
}

/// The fastest of runs whose last stages are of one kind: what else a machine does only adds.
fn fastest(costs: &[Cost]) -> Option<Cost> {
    let seconds = |cost: &Cost| match *cost {
        Cost::Step(seconds) | Cost::Once(seconds) => seconds,
    };
    let kind = std::mem::discriminant(costs.first()?);
    let alike = costs.iter().all(|cost| std::mem::discriminant(cost) == kind);
    let fastest = costs.iter().min_by(|a, b| seconds(a).total_cmp(&seconds(b)));
    fastest.filter(|_| alike).copied()
}
