//! Numbers as people read them, and which of them are best.

use crate::compare::{Comparison, Dimension, Summary, Table};

/// How a metric is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    percent: bool,
    best: Option<Best>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Best {
    Highest,
    Lowest,
}

impl Scale {
    /// Accuracies are shown in percent, higher is better; of losses, errors, risks and distances
    /// lower is better; of other metrics nothing is known, and none is marked as best.
    pub(super) fn of(metric: &str) -> Self {
        let has = |words: &[&str]| words.iter().any(|word| metric.contains(word));
        let best = if has(&["accuracy"]) {
            Some(Best::Highest)
        } else if has(&["loss", "error", "risk", "distance", "divergence"]) {
            Some(Best::Lowest)
        } else {
            None
        };
        Self { percent: has(&["accuracy"]), best }
    }

    /// The unit to put behind the metric's name.
    pub(super) fn unit(self) -> &'static str {
        if self.percent { " in percent" } else { "" }
    }

    fn text(self, value: f64) -> String {
        if self.percent { format!("{:.1}", value * 100.0) } else { format!("{value:.4}") }
    }
}

/// One cell as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CellText {
    pub mean: String,
    pub deviation: Option<String>,
    /// Number of seeds, where it is not the same in all cells.
    pub seeds: Option<usize>,
    pub best: bool,
}

impl CellText {
    /// Mean, deviation and number of seeds in one line.
    pub(super) fn line(&self, plus_minus: &str) -> String {
        let mut text = self.mean.clone();
        if let Some(deviation) = &self.deviation {
            text.push_str(plus_minus);
            text.push_str(deviation);
        }
        if let Some(seeds) = self.seeds {
            text.push_str(&format!(" ({seeds})"));
        }
        text
    }
}

/// The cells of a table, the average as the last column where there is one.
pub(super) fn texts(comparison: &Comparison, table: &Table) -> Vec<Vec<Option<CellText>>> {
    let scale = Scale::of(&comparison.metric);
    let show_seeds = !same_seeds(comparison);
    let text = |summary: &Summary| CellText {
        mean: scale.text(summary.mean),
        deviation: summary.standard_deviation.map(|deviation| scale.text(deviation)),
        seeds: show_seeds.then_some(summary.seeds),
        best: false,
    };
    let mut cells: Vec<Vec<Option<CellText>>> = table
        .rows
        .iter()
        .map(|row| {
            let average = table.has_average.then_some(&row.average);
            row.cells.iter().chain(average).map(|cell| cell.as_ref().map(text)).collect()
        })
        .collect();
    if let Some(best) = scale.best {
        for line in lines(comparison, table) {
            mark(&mut cells, &line, best);
        }
    }
    cells
}

fn same_seeds(comparison: &Comparison) -> bool {
    let mut seeds = comparison
        .tables
        .iter()
        .flat_map(|table| &table.rows)
        .flat_map(|row| row.cells.iter().chain([&row.average]))
        .flatten()
        .map(|summary| summary.seeds);
    let first = seeds.next();
    seeds.all(|number| Some(number) == first)
}

/// The places (row, column) that compete with each other: methods on one task. Where the columns
/// are methods these are the cells of a row, else those of a column.
fn lines(comparison: &Comparison, table: &Table) -> Vec<Vec<(usize, usize)>> {
    let columns = table.columns.len() + usize::from(table.has_average);
    let competes = |row: usize, column: usize| {
        !table.rows[row].label.upper_bound
            && !table.columns.get(column).is_some_and(|label| label.upper_bound)
    };
    let keep = |places: Vec<(usize, usize)>| -> Vec<(usize, usize)> {
        places.into_iter().filter(|&(row, column)| competes(row, column)).collect()
    };
    if comparison.columns == Dimension::Method {
        (0..table.rows.len())
            .map(|row| keep((0..columns).map(|column| (row, column)).collect()))
            .collect()
    } else {
        (0..columns)
            .map(|column| keep((0..table.rows.len()).map(|row| (row, column)).collect()))
            .collect()
    }
}

/// Marks the best, and whatever reads the same. A single competitor is not the best of anything.
fn mark(cells: &mut [Vec<Option<CellText>>], line: &[(usize, usize)], best: Best) {
    let values: Vec<((usize, usize), f64)> = line
        .iter()
        .filter_map(|&(row, column)| {
            let value: f64 = cells[row][column].as_ref()?.mean.parse().ok()?;
            (!value.is_nan()).then_some(((row, column), value))
        })
        .collect();
    let winner = match best {
        Best::Highest => values.iter().map(|(_, value)| *value).reduce(f64::max),
        Best::Lowest => values.iter().map(|(_, value)| *value).reduce(f64::min),
    };
    if values.len() < 2 {
        return;
    }
    for ((row, column), value) in values {
        if let Some(cell) = &mut cells[row][column] {
            cell.best = Some(value) == winner;
        }
    }
}
