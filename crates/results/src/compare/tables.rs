//! The tables of a comparison, and the notes that explain them.

use std::collections::{BTreeMap, BTreeSet};

use isthmus_core::metric::Measure;

use super::cells::Builder;
use super::runs::Chosen;
use super::shape::Shape;
use super::{CompareOptions, Comparison, Dimension, Selection, Spread, Table};
use crate::error::CompareError;
use crate::statistics::PValueForm;

/// What a table is of: data set, and method with its place, upper bounds last.
type TableKey<'a> = (Option<&'a str>, bool, usize, Option<&'a str>);

/// Tables, and facts for the notes below them.
#[derive(Default)]
pub(super) struct Built {
    tables: Vec<Table>,
    seeds: BTreeSet<usize>,
    incomplete: BTreeSet<String>,
}

impl Built {
    /// Adds a table a data set.
    pub fn add(
        &mut self,
        chosen: &[Chosen<'_>],
        measure: &Measure,
        selection: Option<&Selection>,
        shape: &Shape,
        options: &CompareOptions,
    ) -> Result<(), CompareError> {
        let by_method = shape.has_table_by_method();
        if !by_method {
            refuse_mixed_methods(chosen, shape)?;
        }
        let one_table = shape.shows(&Dimension::Dataset);
        let mut parts: BTreeMap<TableKey<'_>, Vec<&Chosen<'_>>> = BTreeMap::new();
        for choice in chosen {
            let dataset = (!one_table).then_some(choice.run.dataset.as_str());
            let method = by_method.then_some(choice.method);
            let upper_bound = method.is_some() && choice.run.target_labels_used;
            let position = method.map_or(0, |_| choice.run.position.method);
            parts.entry((dataset, upper_bound, position, method)).or_default().push(choice);
        }
        let datasets: BTreeSet<Option<&str>> = parts.keys().map(|(dataset, ..)| *dataset).collect();
        let several = datasets.len() > 1;
        for ((dataset, .., method), choices) in parts {
            let mut builder = Builder::new(&choices, shape.clone());
            let mut table = builder.build(options, measure);
            table.dataset = dataset.map(str::to_owned);
            table.method = method.map(str::to_owned);
            table.selection = selection.cloned();
            let own = |text: String| match method {
                Some(method) => format!("{method}, {text}"),
                None => text,
            };
            let place = |text: String| match (dataset, selection) {
                (Some(dataset), _) if several => format!("{text} on {dataset}"),
                (_, Some(selection)) if *selection != Selection::Last => {
                    format!("{text} by {selection}")
                }
                _ => text,
            };
            self.incomplete.extend(builder.incomplete.into_iter().map(own).map(place));
            self.seeds.extend(builder.seeds);
            self.tables.push(table);
        }
        Ok(())
    }

    /// Whether a table has the baseline's row.
    pub fn has_baseline(&self) -> bool {
        self.tables.iter().any(|table| table.baseline.is_some())
    }

    /// The names of all rows.
    pub fn row_names(&self) -> Vec<String> {
        let names: BTreeSet<&String> =
            self.tables.iter().flat_map(|table| &table.rows).map(|row| &row.label.text).collect();
        names.into_iter().cloned().collect()
    }

    /// Whether there is no table.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// The tables, those of one data set together, and the notes that explain them.
    pub fn finish(self, options: &CompareOptions) -> (Vec<Table>, Vec<String>) {
        let Self { mut tables, seeds, incomplete } = self;
        // The sort is stable: selections keep their order.
        tables.sort_by(|a, b| (&a.dataset, &a.measure).cmp(&(&b.dataset, &b.measure)));
        let mut notes = Vec::new();
        if !tables.is_empty() {
            notes.push(explanation(&tables, &seeds, options));
        }
        if !incomplete.is_empty() {
            let list = incomplete.into_iter().collect::<Vec<_>>().join("; ");
            notes.push(format!("Seeds that lack a task are left out of averages: {list}."));
        }
        (tables, notes)
    }
}

/// An average over methods compares nothing; it is only possible where there is one method.
fn refuse_mixed_methods(chosen: &[Chosen<'_>], shape: &Shape) -> Result<(), CompareError> {
    if shape.shows(&Dimension::Method) {
        return Ok(());
    }
    let methods: BTreeSet<&str> = chosen.iter().map(|choice| choice.method).collect();
    if methods.len() <= 1 {
        return Ok(());
    }
    Err(CompareError::MixedMethods { methods: methods.into_iter().map(str::to_owned).collect() })
}

fn explanation(tables: &[Table], seeds: &BTreeSet<usize>, options: &CompareOptions) -> String {
    let spread = match options.spread {
        Spread::StandardDeviation => "standard deviation (n - 1)",
        Spread::Interval95 => "half the 95 % interval of the mean (Student's t)",
    };
    let mut text = match (seeds.first(), seeds.last()) {
        (Some(1), Some(1)) => "One seed.".to_owned(),
        (Some(fewest), Some(most)) if fewest == most => {
            format!("Mean ± {spread} over {most} seeds.")
        }
        _ => format!("Mean ± {spread} over seeds, their number in brackets."),
    };
    if tables.iter().any(|table| table.has_average) {
        text.push_str(&format!(
            " Average: the mean over the {} of each seed, then mean and deviation over seeds.",
            options.columns.plural()
        ));
    }
    if tables.iter().any(|table| table.has_rank) {
        text.push_str(&format!(
            " Rank: the mean rank over the {}, 1 is best{}.",
            options.columns.plural(),
            unranked(tables)
        ));
    }
    if tables.iter().any(|table| table.column_dimension == Dimension::Selection) {
        text.push_str(
            " Selection: the last checkpoint, the choice of each validator without target labels, \
             and the oracle's with them; the mean over the tasks of each seed, then over seeds.",
        );
    }
    if let Some(baseline) = &options.baseline {
        text.push_str(&format!(
            " Difference: to {}, the mean over pairs of task and seed; p: {}{}, two-sided, \
             corrected after Holm.",
            baseline.method,
            baseline.test.name(),
            form(tables)
        ));
    }
    text
}

/// The rows that lack a column and take no part in ranks.
fn unranked(tables: &[Table]) -> String {
    let rows = tables.iter().filter(|table| table.has_rank).flat_map(|table| &table.rows);
    let names: BTreeSet<&str> = rows
        .filter(|row| row.rank.is_none() && !row.label.upper_bound)
        .map(|row| row.label.text.as_str())
        .collect();
    if names.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = names.into_iter().collect();
    format!(", among the rows that have them all (without {})", names.join(", "))
}

/// How the p-values of the tables were computed, where their test has several ways.
fn form(tables: &[Table]) -> &'static str {
    let rows = tables.iter().flat_map(|table| &table.rows);
    let forms: BTreeSet<PValueForm> =
        rows.filter_map(|row| row.difference.as_ref()?.form).collect();
    match (forms.contains(&PValueForm::Exact), forms.contains(&PValueForm::Normal)) {
        (true, false) => " (exact)",
        (false, true) => " (normal approximation)",
        (true, true) => " (exact up to 25 differences, else the normal approximation)",
        (false, false) => "",
    }
}

impl Comparison {
    /// Whether a cell of any table stands for a choice whose predictions fall into few classes.
    pub fn has_collapsed(&self) -> bool {
        self.tables
            .iter()
            .flat_map(|table| &table.rows)
            .flat_map(|row| row.cells.iter().chain([&row.average]))
            .flatten()
            .any(|cell| cell.collapsed > 0)
    }
}
