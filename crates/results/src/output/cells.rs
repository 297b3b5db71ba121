//! Numbers of comparisons as people read them, and which of them are best.

use super::grid::{CellText, Grid, GridRow, label, mark_best};
use crate::compare::{
    Comparison, Dimension, Direction, LabelFreeTable, Measure, Row, Selection, Spread, Summary,
    Table, Unit,
};

/// What follows the name of a metric in a title.
pub(super) fn remark(measure: &Measure) -> String {
    let better = match measure.direction {
        Some(Direction::Lower) => ", lower is better",
        Some(Direction::Higher) | None => "",
    };
    format!("{}{better}", measure.unit.in_words())
}

/// A difference, with its sign.
fn signed(unit: Unit, value: f64) -> String {
    let text = unit.text(value);
    if value > 0.0 { format!("+{text}") } else { text }
}

/// A probability that is not spelt out below a thousandth.
pub(super) fn p_value(value: f64) -> String {
    if value < 0.001 { "<0.001".to_owned() } else { format!("{value:.3}") }
}

/// The tables of a comparison as text.
pub(super) fn grids(comparison: &Comparison) -> Vec<Grid> {
    let tables = comparison.tables.iter().map(|table| grid(comparison, table));
    tables.chain(comparison.label_free.iter().map(|table| label_free(comparison, table))).collect()
}

fn grid(comparison: &Comparison, table: &Table) -> Grid {
    let unit = table.measure.unit;
    let show_seeds = !same_seeds(comparison);
    let text = |summary: &Summary| cell(comparison.spread, summary, unit, show_seeds);
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
            cells.push(difference.map(|found| CellText::plain(signed(unit, found.mean))));
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
    // Nothing competes in a table of one method.
    if let (Some(direction), None) = (table.measure.direction, &table.method) {
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
    let method = table.method.as_ref().map(|method| format!(", method {method}"));
    let method = method.unwrap_or_default();
    Grid {
        dataset: table.dataset.clone(),
        subject: table.measure.name.clone(),
        remark: format!("{}{choice}{method}", remark(&table.measure)),
        corner: table.row_dimension.to_string(),
        columns,
        rows,
    }
}

/// Mean, spread and mark of a cell.
pub(super) fn cell(spread: Spread, summary: &Summary, unit: Unit, show_seeds: bool) -> CellText {
    CellText {
        mean: unit.text(summary.mean),
        deviation: spread.of(summary).map(|deviation| unit.text(deviation)),
        seeds: show_seeds.then_some(summary.seeds),
        best: false,
        collapsed: summary.collapsed > 0,
    }
}

/// What is known without target labels; the primary metric says why it is not there.
fn label_free(comparison: &Comparison, table: &LabelFreeTable) -> Grid {
    let mut columns = vec![label(&table.absent.title)];
    columns.extend(table.measures.iter().map(|measure| {
        let percent = if measure.unit.is_percent() { " (%)" } else { "" };
        label(format!("{}{percent}", measure.title))
    }));
    let show_seeds = !same_seeds(comparison);
    let rows = table.rows.iter().map(|row| {
        let mut cells = vec![Some(CellText::plain("no target labels".to_owned()))];
        cells.extend(row.cells.iter().zip(&table.measures).map(|(summary, measure)| {
            Some(cell(comparison.spread, summary.as_ref()?, measure.unit, show_seeds))
        }));
        GridRow { label: row.label.clone(), cells }
    });
    let mut rows: Vec<GridRow> = rows.collect();
    for (column, measure) in table.measures.iter().enumerate() {
        let line: Vec<(usize, usize)> = (0..rows.len())
            .filter(|&row| !rows[row].label.upper_bound)
            .map(|row| (row, column + 1))
            .collect();
        if let Some(direction) = measure.direction {
            mark_best(&mut rows, &line, direction);
        }
    }
    let tasks = match table.tasks.as_slice() {
        [task] => task.to_string(),
        tasks => format!("mean over {} tasks", tasks.len()),
    };
    Grid {
        dataset: Some(table.dataset.clone()),
        subject: table.absent.name.clone(),
        remark: format!(" is not known: no target labels; what needs none, {tasks}"),
        corner: "method".to_owned(),
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
        .chain(comparison.label_free.iter().flat_map(|table| &table.rows).flat_map(|it| &it.cells))
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
