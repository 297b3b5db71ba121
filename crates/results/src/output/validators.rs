//! Validators' quality as tables.

use super::csv;
use super::grid::{CellText, Grid, GridRow, label, mark_best};
use crate::compare::Direction;
use crate::validators::{DatasetValidators, Quality, ValidatorTables};

/// A data set's validators over all methods, and where there are several, what matters most by
/// method.
pub(super) fn grids(tables: &ValidatorTables) -> Vec<Grid> {
    tables.datasets.iter().flat_map(of_dataset).collect()
}

fn of_dataset(dataset: &DatasetValidators) -> Vec<Grid> {
    let metric_unit = dataset.measure.unit;
    let correlation = |value: Option<f64>| Some(CellText::plain(format!("{:.3}", value?)));
    let regret = |value: Option<f64>| Some(CellText::plain(metric_unit.text(value?)));
    let count = |number: usize| Some(CellText::plain(number.to_string()));
    let grid =
        |remark: String, columns: &[&str], cells: &dyn Fn(usize) -> Vec<Option<CellText>>| {
            let rows = dataset.validators.iter().enumerate();
            Grid {
                dataset: Some(dataset.dataset.clone()),
                subject: dataset.measure.name.clone(),
                remark,
                corner: "validator".to_owned(),
                columns: columns.iter().map(|name| label(*name)).collect(),
                rows: rows
                    .map(|(row, judgement)| GridRow {
                        label: label(&judgement.validator),
                        cells: cells(row),
                    })
                    .collect(),
            }
        };
    let all = |row: usize| {
        let Quality {
            spearman,
            weighted_spearman,
            regret: lost,
            regret_over_ties,
            choices,
            tied,
            checkpoints,
            undefined,
        } = dataset.validators[row].all;
        vec![
            correlation(spearman),
            correlation(weighted_spearman),
            regret(lost),
            regret(regret_over_ties),
            count(choices),
            count(tied),
            count(checkpoints),
            count(undefined),
        ]
    };
    let columns = [
        "Spearman",
        "weighted Spearman",
        "regret",
        "over ties",
        "choices",
        "tied",
        "checkpoints",
        "undefined",
    ];
    let unit = if metric_unit.is_percent() { ", regret in points" } else { "" };
    let mut overview = grid(format!(" and validators, all methods{unit}"), &columns, &all);
    let directions = [Direction::Higher, Direction::Higher, Direction::Lower, Direction::Lower];
    for (column, direction) in directions.into_iter().enumerate() {
        mark_column(&mut overview, column, direction);
    }
    let mut grids = vec![overview];
    if dataset.methods.len() > 1 {
        let methods: Vec<&str> = dataset.methods.iter().map(String::as_str).collect();
        let mut by_method = |name: &str, direction, text: &dyn Fn(&Quality) -> Option<CellText>| {
            let cells = |row: usize| dataset.validators[row].by_method.iter().map(text).collect();
            let mut grid = grid(format!(" and validators, {name} by method"), &methods, &cells);
            (0..methods.len()).for_each(|column| mark_column(&mut grid, column, direction));
            grids.push(grid);
        };
        by_method(&format!("regret over ties{}", points(unit)), Direction::Lower, &|q| {
            regret(q.regret_over_ties)
        });
        by_method("weighted Spearman", Direction::Higher, &|q| correlation(q.weighted_spearman));
        by_method("Spearman", Direction::Higher, &|q| correlation(q.spearman));
    }
    grids
}

fn points(unit: &str) -> &str {
    if unit.is_empty() { "" } else { " in points" }
}

fn mark_column(grid: &mut Grid, column: usize, direction: Direction) {
    let line: Vec<(usize, usize)> = (0..grid.rows.len()).map(|row| (row, column)).collect();
    mark_best(&mut grid.rows, &line, direction);
}

/// One line a validator and method; the method is empty for all of them.
pub(super) fn csv(tables: &ValidatorTables) -> String {
    let header = [
        "dataset",
        "metric",
        "method",
        "validator",
        "spearman",
        "weighted_spearman",
        "regret",
        "regret_over_ties",
        "choices",
        "tied",
        "checkpoints",
        "undefined",
    ];
    let mut lines = Vec::new();
    for dataset in &tables.datasets {
        for judgement in &dataset.validators {
            let methods = [""].into_iter().chain(dataset.methods.iter().map(String::as_str));
            for (method, quality) in
                methods.zip([&judgement.all].into_iter().chain(&judgement.by_method))
            {
                let number = |value: Option<f64>| {
                    value.map_or_else(String::new, |value| format!("{value:?}"))
                };
                lines.push(vec![
                    dataset.dataset.clone(),
                    dataset.measure.name.clone(),
                    method.to_owned(),
                    judgement.validator.clone(),
                    number(quality.spearman),
                    number(quality.weighted_spearman),
                    number(quality.regret),
                    number(quality.regret_over_ties),
                    quality.choices.to_string(),
                    quality.tied.to_string(),
                    quality.checkpoints.to_string(),
                    quality.undefined.to_string(),
                ]);
            }
        }
    }
    csv::render(&header.map(str::to_owned), lines.into_iter())
}
