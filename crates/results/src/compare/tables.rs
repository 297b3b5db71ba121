//! Builds the tables from one value a run.

use std::collections::{BTreeMap, BTreeSet};

use isthmus_core::spec::Task;

use super::runs::{Chosen, count};
use super::statistics::mean;
use super::{CompareOptions, Dimension, Label, Row, Summary, Table};
use crate::error::CompareError;

/// Values of one cell: by seed, then by task.
type Cell = BTreeMap<u64, BTreeMap<String, f64>>;

/// One value a seed.
type SeedValues = BTreeMap<u64, f64>;

/// One table a data set. `labels` holds the label of each run's method.
pub(super) fn build(
    chosen: &[Chosen<'_>],
    labels: &[String],
    options: &CompareOptions,
    notes: &mut Vec<String>,
) -> Result<Vec<Table>, CompareError> {
    refuse_mixed_methods(labels, options)?;
    let one_table = options.shows(Dimension::Dataset);
    let mut datasets: BTreeMap<Option<&str>, Vec<(&Chosen<'_>, &str)>> = BTreeMap::new();
    for (run, label) in chosen.iter().zip(labels) {
        let dataset = (!one_table).then_some(run.run.dataset.as_str());
        datasets.entry(dataset).or_default().push((run, label));
    }
    let several = datasets.len() > 1;
    let mut seeds = BTreeSet::new();
    let mut incomplete = BTreeSet::new();
    let mut tables = Vec::new();
    for (dataset, runs) in datasets {
        let mut table = Builder::new(&runs, options, dataset.map(str::to_owned));
        tables.push(table.build());
        let place = |text: &String| match dataset {
            Some(dataset) if several => format!("{text} on {dataset}"),
            _ => text.clone(),
        };
        incomplete.extend(table.incomplete.iter().map(place));
        seeds.extend(table.seeds);
    }
    notes.insert(0, explanation(&tables, &seeds, options));
    if !incomplete.is_empty() {
        let list = incomplete.into_iter().collect::<Vec<_>>().join("; ");
        notes.push(format!("Seeds that lack a task are left out of averages: {list}."));
    }
    Ok(tables)
}

/// An average over methods compares nothing; it is only possible where there is one method.
fn refuse_mixed_methods(labels: &[String], options: &CompareOptions) -> Result<(), CompareError> {
    let methods: BTreeSet<&String> = labels.iter().collect();
    if options.shows(Dimension::Method) || methods.len() == 1 {
        return Ok(());
    }
    Err(CompareError::MixedMethods { methods: methods.into_iter().cloned().collect() })
}

fn explanation(tables: &[Table], seeds: &BTreeSet<usize>, options: &CompareOptions) -> String {
    let mut text = match (seeds.first(), seeds.last()) {
        (Some(1), Some(1)) => "One seed.".to_owned(),
        (Some(fewest), Some(most)) if fewest == most => {
            format!("Mean ± standard deviation (n - 1) over {most} seeds.")
        }
        _ => "Mean ± standard deviation (n - 1) over seeds, their number in brackets.".to_owned(),
    };
    if tables.iter().any(|table| table.has_average) {
        text.push_str(&format!(
            " Average: the mean over the {}s of each seed, then mean and deviation over seeds.",
            options.columns
        ));
    }
    text
}

struct Builder<'a> {
    runs: &'a [(&'a Chosen<'a>, &'a str)],
    options: &'a CompareOptions,
    dataset: Option<String>,
    /// Cells and averages that had to leave out seeds.
    incomplete: Vec<String>,
    /// Numbers of seeds that occur.
    seeds: BTreeSet<usize>,
}

impl<'a> Builder<'a> {
    fn new(
        runs: &'a [(&'a Chosen<'a>, &'a str)],
        options: &'a CompareOptions,
        dataset: Option<String>,
    ) -> Self {
        Self { runs, options, dataset, incomplete: Vec::new(), seeds: BTreeSet::new() }
    }

    fn build(&mut self) -> Table {
        let rows = self.labels(self.options.rows);
        let columns = self.labels(self.options.columns);
        let mut cells: BTreeMap<(String, String), Cell> = BTreeMap::new();
        for (run, method) in self.runs {
            let row = self.options.rows.value(run.run, method);
            let column = self.options.columns.value(run.run, method);
            let seed = cells.entry((row, column)).or_default().entry(run.run.seed).or_default();
            seed.insert(run.run.task.to_string(), run.value);
        }
        let has_average = self.options.columns.is_averaged() && columns.len() > 1;
        let rows = rows
            .into_iter()
            .map(|label| {
                let values: Vec<Option<SeedValues>> = columns
                    .iter()
                    .map(|column| {
                        let cell = cells.get(&(label.text.clone(), column.text.clone()))?;
                        Some(self.by_seed(cell, &label.text, &column.text))
                    })
                    .collect();
                self.row(label, &values, has_average)
            })
            .collect();
        Table { dataset: self.dataset.clone(), columns, rows, has_average }
    }

    fn row(&mut self, label: Label, values: &[Option<SeedValues>], has_average: bool) -> Row {
        let cells: Vec<Option<Summary>> = values
            .iter()
            .map(|values| Summary::of(&values.as_ref()?.values().copied().collect::<Vec<_>>()))
            .collect();
        let average = if has_average { self.average(&label.text, values) } else { None };
        self.seeds.extend(cells.iter().chain([&average]).flatten().map(|cell| cell.seeds));
        Row { label, cells, average }
    }

    /// The mean over a cell's tasks, for each seed that has all of them.
    fn by_seed(&mut self, cell: &Cell, row: &str, column: &str) -> SeedValues {
        let tasks: BTreeSet<&String> = cell.values().flat_map(BTreeMap::keys).collect();
        let complete: SeedValues = cell
            .iter()
            .filter(|(_, values)| values.len() == tasks.len())
            .filter_map(|(&seed, values)| {
                Some((seed, mean(&values.values().copied().collect::<Vec<_>>())?))
            })
            .collect();
        if complete.len() < cell.len() {
            let kept = count(complete.len(), "seed");
            self.incomplete.push(format!("{row}, {column}: {kept} of {} kept", cell.len()));
        }
        complete
    }

    /// Mean and deviation over the seeds that every column has.
    fn average(&mut self, row: &str, values: &[Option<SeedValues>]) -> Option<Summary> {
        let columns: Vec<&SeedValues> = values.iter().map(Option::as_ref).collect::<Option<_>>()?;
        let all: BTreeSet<u64> = columns.iter().flat_map(|values| values.keys().copied()).collect();
        let averages: Vec<f64> = all
            .iter()
            .filter_map(|seed| {
                let values: Option<Vec<f64>> =
                    columns.iter().map(|values| values.get(seed).copied()).collect();
                mean(&values?)
            })
            .collect();
        if averages.len() < all.len() {
            let kept = count(averages.len(), "seed");
            self.incomplete.push(format!("{row}, average: {kept} of {} kept", all.len()));
        }
        Summary::of(&averages)
    }

    /// The labels in the order of the experiment files, upper bounds last.
    fn labels(&self, dimension: Dimension) -> Vec<Label> {
        struct Entry {
            position: usize,
            task: Option<Task>,
            upper_bound: bool,
        }
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        for (run, method) in self.runs {
            let position = dimension.position(run.run);
            let upper_bound = dimension == Dimension::Method && run.run.target_labels_used;
            let entry = entries.entry(dimension.value(run.run, method)).or_insert_with(|| Entry {
                position,
                task: (dimension == Dimension::Task).then(|| run.run.task.clone()),
                upper_bound,
            });
            entry.position = entry.position.min(position);
            entry.upper_bound &= upper_bound;
        }
        let mut labels: Vec<(bool, usize, Label)> = entries
            .into_iter()
            .map(|(text, Entry { position, task, upper_bound })| {
                (upper_bound, position, Label { text, task, upper_bound })
            })
            .collect();
        // The sort is stable: equal places stay in the order of their names.
        labels.sort_by_key(|&(upper_bound, position, _)| (upper_bound, position));
        labels.into_iter().map(|(_, _, label)| label).collect()
    }
}
