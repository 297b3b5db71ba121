//! Comparisons of choices, and what is looked at in them.

use std::path::Path;

use isthmus_core::spec::Experiment;
use isthmus_results::compare::Table;
use isthmus_results::{CompareOptions, Comparison, Selections};
use serde_json::json;

use super::{experiment, write_evaluations};

/// Two tasks.
pub const TASKS: [(&str, &str); 2] = [("amazon", "webcam"), ("dslr", "webcam")];

/// What to compare, with one choice of checkpoints.
pub fn options(results: &Path, selection: &str) -> CompareOptions {
    CompareOptions {
        paths: vec![results.to_owned()],
        selections: Selections::from(selection),
        ..CompareOptions::default()
    }
}

/// What to compare, with all choices below.
pub fn overview(results: &Path) -> CompareOptions {
    CompareOptions { paths: vec![results.to_owned()], ..CompareOptions::default() }
}

/// The mean of the first cell of the row.
pub fn mean(comparison: &Comparison, table: usize, row: &str) -> f64 {
    cell(&comparison.tables[table], row, 0).unwrap()
}

/// The mean of a cell.
pub fn cell(table: &Table, row: &str, column: usize) -> Option<f64> {
    let found = table.rows.iter().find(|found| found.label.text == row);
    found.unwrap_or_else(|| panic!("no row {row}")).cells[column].map(|cell| cell.mean)
}

/// The names of the rows.
pub fn names(table: &Table) -> Vec<&str> {
    table.rows.iter().map(|row| row.label.text.as_str()).collect()
}

/// One run whose last checkpoint is neither the best nor what either validator chooses.
pub fn one_run(results: &Path) -> Experiment {
    let experiment = experiment(&["dann"], &TASKS[..1], &[1]);
    let scores = |accuracy, entropy, bnm| {
        [("target_accuracy", accuracy), ("validator/entropy", entropy), ("validator/bnm", bnm)]
    };
    write_evaluations(
        results,
        &experiment,
        &experiment.jobs()[0],
        json!({}),
        &[
            (0, 0, &scores(0.99, 9.0, 9.0)),
            (0, 5, &scores(0.6, f64::NAN, -1.0)),
            (0, 10, &scores(0.9, 0.1, -2.0)),
            (0, 15, &scores(0.7, 0.3, -1.0)),
            (0, 20, &scores(0.8, 0.3, -3.0)),
        ],
    );
    experiment
}
