//! Tables of methods as text.

use super::cells::{cell, remark};
use super::grid::{CellText, Grid, GridRow, label, mark_best};
use crate::compare::{COLLAPSED_NOTE, Direction, Spread, Summary, Unit};
use crate::methods::{Cost, MethodRow, MethodTable};

/// One row a method.
pub(super) fn grid(table: &MethodTable) -> Grid {
    let unit = table.measure.unit;
    let step = table.baseline_row().and_then(|row| match row.cost? {
        Cost::Step(seconds) => Some(seconds),
        Cost::Once(_) => None,
    });
    let names = match &table.validator {
        Some(validator) => vec!["last", validator, "oracle", "regret", "step"],
        None => vec!["last", "oracle", "step"],
    };
    let chosen = table.validator.is_some();
    let show_seeds = seeds_differ(table);
    // Regret and cost are no accuracies.
    let accuracies = if chosen { 3 } else { 2 };
    let mut rows: Vec<GridRow> = table
        .rows
        .iter()
        .map(|row| GridRow {
            label: row.label.clone(),
            cells: cells(row, unit, step, (chosen, show_seeds)),
        })
        .collect();
    let competitors = rows.iter().take_while(|row| !row.label.upper_bound).count();
    for column in 0..accuracies {
        let line: Vec<(usize, usize)> = (0..competitors).map(|row| (row, column)).collect();
        mark_best(&mut rows, &line, table.measure.direction.unwrap_or(Direction::Higher));
    }
    Grid {
        dataset: Some(table.dataset.clone()),
        subject: table.measure.name.clone(),
        remark: format!("{}, mean over tasks", remark(&table.measure)),
        corner: "method".to_owned(),
        columns: names.into_iter().map(label).collect(),
        rows,
    }
}

/// The cells of a row; without `chosen` there is no validator whose choice could be shown, and
/// `show_seeds` says whether numbers of seeds differ.
fn cells(
    row: &MethodRow,
    unit: Unit,
    step: Option<f64>,
    (chosen, show_seeds): (bool, bool),
) -> Vec<Option<CellText>> {
    let value = |summary: &Option<Summary>| {
        Some(cell(Spread::StandardDeviation, summary.as_ref()?, unit, show_seeds))
    };
    let cost = row.cost.and_then(|cost| match cost {
        Cost::Step(seconds) => Some(format!("{:.2}", seconds / step?)),
        Cost::Once(seconds) => Some(format!("{seconds:.1} s once")),
    });
    let mut cells = vec![value(&row.last)];
    cells.extend(chosen.then(|| value(&row.chosen)));
    cells.push(value(&row.oracle));
    let regret = row.regret.map(|regret| CellText::plain(unit.text(regret)));
    cells.extend(chosen.then_some(regret));
    cells.push(cost.map(CellText::plain));
    cells
}

/// What the columns are.
pub(super) fn notes(table: &MethodTable) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(validator) = &table.validator {
        notes.push(format!(
            "Last: the last checkpoint. {validator}: the one that this validator chooses, without \
             target labels; of all validators it loses least against the oracle on average over \
             the methods. Oracle: the best one by target labels. Regret: what the validator's \
             choice loses against it."
        ));
    }
    if let Some(Cost::Step(seconds)) = table.baseline_row().and_then(|row| row.cost) {
        notes.push(format!(
            "Step: what a training step of the last stage takes relative to one of {}, {:.1} ms \
             (of the fastest run of each).",
            table.baseline,
            seconds * 1e3
        ));
    }
    if seeds_differ(table) {
        notes.push("In brackets: the number of seeds that have every task.".to_owned());
    }
    if summaries(table).any(|summary| summary.collapsed > 0) {
        notes.push(COLLAPSED_NOTE.to_owned());
    }
    notes
}

/// Whether means are over different numbers of seeds.
fn seeds_differ(table: &MethodTable) -> bool {
    let mut seeds = summaries(table).map(|summary| summary.seeds);
    let first = seeds.next();
    seeds.any(|number| Some(number) != first)
}

/// All accuracies that are shown.
fn summaries(table: &MethodTable) -> impl Iterator<Item = Summary> + '_ {
    table.rows.iter().flat_map(|row| [row.last, row.chosen, row.oracle]).flatten()
}
