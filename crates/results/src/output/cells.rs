//! Numbers of comparisons as people read them, and which of them are best.

use super::grid::{CellText, Grid, GridRow, label, mark_best};
use crate::compare::{Comparison, Dimension, Direction, Row, Selection, Summary, Table};

/// How a metric is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    percent: bool,
}

impl Scale {
    /// Accuracies are shown in percent.
    pub(super) fn of(metric: &str) -> Self {
        Self { percent: metric.contains("accuracy") }
    }

    /// The unit to put behind the metric's name.
    pub(super) fn unit(self) -> &'static str {
        if self.percent { " in percent" } else { "" }
    }

    pub(super) fn text(self, value: f64) -> String {
        if self.percent { format!("{:.1}", value * 100.0) } else { format!("{value:.4}") }
    }

    /// A difference, with its sign.
    fn signed(self, value: f64) -> String {
        let text = self.text(value);
        match value {
            value if value > 0.0 => format!("+{text}"),
            _ => text,
        }
    }
}

/// A probability that is not spelt out below a thousandth.
pub(super) fn p_value(value: f64) -> String {
    if value < 0.001 { "<0.001".to_owned() } else { format!("{value:.3}") }
}

/// The tables of a comparison as text.
pub(super) fn grids(comparison: &Comparison) -> Vec<Grid> {
    comparison.tables.iter().map(|table| grid(comparison, table)).collect()
}

fn grid(comparison: &Comparison, table: &Table) -> Grid {
    let scale = Scale::of(&comparison.metric);
    let show_seeds = !same_seeds(comparison);
    let text = |summary: &Summary| CellText {
        mean: scale.text(summary.mean),
        deviation: comparison.spread.of(summary).map(|deviation| scale.text(deviation)),
        seeds: show_seeds.then_some(summary.seeds),
        best: false,
        collapsed: summary.collapsed > 0,
    };
    let mut columns = table.columns.clone();
    columns.extend(table.has_average.then(|| label("average")));
    columns.extend(table.has_rank.then(|| label("rank")));
    if table.baseline.is_some() {
        columns.extend([label("difference"), label("p")]);
    }
    let cells = |row: &Row| {
        let average = table.has_average.then_some(&row.average);
        let mut cells: Vec<Option<CellText>> =
            row.cells.iter().chain(average).map(|cell| cell.as_ref().map(text)).collect();
        if table.has_rank {
            cells.push(row.rank.map(|rank| CellText::plain(format!("{rank:.1}"))));
        }
        if table.baseline.is_some() {
            let difference = row.difference.as_ref();
            cells.push(difference.map(|found| CellText::plain(scale.signed(found.mean))));
            let p = difference.and_then(|found| found.p_value);
            cells.push(p.map(|p| CellText::plain(p_value(p))));
        }
        cells
    };
    let mut rows: Vec<GridRow> = table
        .rows
        .iter()
        .map(|row| GridRow { label: row.label.clone(), cells: cells(row) })
        .collect();
    if let Some(direction) = Direction::of(&comparison.metric) {
        for line in lines(table) {
            mark_best(&mut rows, &line, direction);
        }
    }
    let choice = match &table.selection {
        Some(Selection::Validator(name)) => format!(", chosen by {name}"),
        Some(Selection::Oracle) => ", chosen by oracle".to_owned(),
        _ if table.column_dimension == Dimension::Selection => ", by selection".to_owned(),
        _ => String::new(),
    };
    Grid {
        dataset: table.dataset.clone(),
        subject: comparison.metric.clone(),
        remark: format!("{}{choice}", scale.unit()),
        corner: table.row_dimension.to_string(),
        columns,
        rows,
    }
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
fn lines(table: &Table) -> Vec<Vec<(usize, usize)>> {
    let columns = table.columns.len() + usize::from(table.has_average);
    let competes = |row: usize, column: usize| {
        !table.rows[row].label.upper_bound
            && !table.columns.get(column).is_some_and(|label| label.upper_bound)
    };
    let keep = |places: Vec<(usize, usize)>| -> Vec<(usize, usize)> {
        places.into_iter().filter(|&(row, column)| competes(row, column)).collect()
    };
    if table.column_dimension == Dimension::Method {
        (0..table.rows.len())
            .map(|row| keep((0..columns).map(|column| (row, column)).collect()))
            .collect()
    } else {
        (0..columns)
            .map(|column| keep((0..table.rows.len()).map(|row| (row, column)).collect()))
            .collect()
    }
}
