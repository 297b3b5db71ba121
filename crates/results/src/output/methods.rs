//! Tables of methods as text.

use super::cells::remark;
use super::grid::{CellText, Grid, GridRow, label, mark_best};
use crate::compare::{COLLAPSED_NOTE, Direction, Summary, Unit};
use crate::methods::{Cost, MethodRow, MethodTable};

/// One row a method.
pub(super) fn grid(table: &MethodTable) -> Grid {
    let unit = table.measure.unit;
    let step = table.baseline_row().and_then(|row| match row.cost? {
        Cost::Step(seconds) => Some(seconds),
        Cost::Once(_) => None,
    });
    let validator = table.validator.as_deref().unwrap_or("no validator");
    let names = ["last", validator, "oracle", "regret", "step"];
    let mut rows: Vec<GridRow> = table
        .rows
        .iter()
        .map(|row| GridRow { label: row.label.clone(), cells: cells(row, unit, step) })
        .collect();
    let competitors = rows.iter().take_while(|row| !row.label.upper_bound).count();
    for column in 0..3 {
        let line: Vec<(usize, usize)> = (0..competitors).map(|row| (row, column)).collect();
        mark_best(&mut rows, &line, table.measure.direction.unwrap_or(Direction::Higher));
    }
    Grid {
        dataset: Some(table.dataset.clone()),
        subject: table.measure.name.clone(),
        remark: format!("{}, mean over tasks", remark(&table.measure)),
        corner: "method".to_owned(),
        columns: names.map(label).to_vec(),
        rows,
    }
}

fn cells(row: &MethodRow, unit: Unit, step: Option<f64>) -> Vec<Option<CellText>> {
    let value = |summary: &Option<Summary>| {
        let summary = summary.as_ref()?;
        Some(CellText {
            mean: unit.text(summary.mean),
            deviation: summary.standard_deviation.map(|deviation| unit.text(deviation)),
            collapsed: summary.collapsed > 0,
            ..CellText::default()
        })
    };
    let cost = row.cost.and_then(|cost| match cost {
        Cost::Step(seconds) => Some(format!("{:.2}", seconds / step?)),
        Cost::Once(seconds) => Some(format!("{seconds:.1} s once")),
    });
    vec![
        value(&row.last),
        value(&row.chosen),
        value(&row.oracle),
        row.regret.map(|regret| CellText::plain(unit.text(regret))),
        cost.map(CellText::plain),
    ]
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
    let shown = table.rows.iter().flat_map(|row| [row.last, row.chosen, row.oracle]);
    if shown.flatten().any(|summary| summary.collapsed > 0) {
        notes.push(COLLAPSED_NOTE.to_owned());
    }
    notes
}
