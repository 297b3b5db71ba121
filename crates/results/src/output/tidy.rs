//! Comparisons as tidy rows: one a cell.

use polars_core::prelude::{Column, DataFrame, PolarsResult};
use polars_io::prelude::ParquetWriter;

use super::csv;
use crate::compare::{Comparison, Dimension, Row, Selection, Summary};
use crate::statistics::PValueForm;

/// One cell, with what is said of its row.
struct Line<'a> {
    dataset: Option<&'a str>,
    method: Option<&'a str>,
    metric: &'a str,
    row: &'a str,
    /// Rank and difference of the row, where it can have any.
    ranked: Option<&'a Row>,
    column: String,
    selection: Option<&'a str>,
    upper_bound: bool,
    cell: Option<&'a Summary>,
}

/// The cells of all tables. The overview of all selections has the rows' averages over the
/// columns of the first table, and is written as such.
fn lines(comparison: &Comparison) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    for table in &comparison.tables {
        let overview = table.column_dimension != comparison.columns;
        let selection = table.selection.as_ref().map(Selection::name);
        for row in &table.rows {
            let mut add = |column: &str, selection, upper_bound, cell| {
                lines.push(Line {
                    dataset: table.dataset.as_deref(),
                    method: table.method.as_deref(),
                    metric: &table.measure.name,
                    row: &row.label.text,
                    ranked: Some(row),
                    column: column.to_owned(),
                    selection,
                    upper_bound: upper_bound || row.label.upper_bound,
                    cell,
                });
            };
            for (label, cell) in table.columns.iter().zip(&row.cells) {
                if overview {
                    // The average of the last checkpoints stands in the first table.
                    if label.text != Selection::Last.name() {
                        add("average", Some(label.text.as_str()), false, cell.as_ref());
                    }
                } else {
                    add(&label.text, selection, label.upper_bound, cell.as_ref());
                }
            }
            if table.has_average {
                add("average", selection, false, row.average.as_ref());
            }
        }
    }
    for table in &comparison.label_free {
        let column = match table.tasks.as_slice() {
            [task] => task.to_string(),
            _ => "average".to_owned(),
        };
        for row in &table.rows {
            lines.extend(table.measures.iter().zip(&row.cells).map(|(measure, cell)| Line {
                dataset: Some(&table.dataset),
                method: None,
                metric: &measure.name,
                row: &row.label.text,
                ranked: None,
                column: column.clone(),
                selection: Some(Selection::Last.name()),
                upper_bound: row.label.upper_bound,
                cell: cell.as_ref(),
            }));
        }
    }
    lines
}

/// A column of the output.
struct Field {
    name: String,
    values: Values,
}

enum Values {
    Text(Vec<Option<String>>),
    Truth(Vec<bool>),
    Number(Vec<Option<f64>>),
    Count(Vec<u64>),
}

fn fields(comparison: &Comparison) -> Vec<Field> {
    let lines = lines(comparison);
    let mut fields = Vec::new();
    let mut add = |name: &str, values| fields.push(Field { name: name.to_owned(), values });
    let text = |value: &dyn Fn(&Line<'_>) -> Option<String>| {
        Values::Text(lines.iter().map(value).collect())
    };
    let number = |value: &dyn Fn(&Line<'_>) -> Option<f64>| {
        Values::Number(lines.iter().map(value).collect())
    };
    let count = |value: &dyn Fn(&Line<'_>) -> usize| {
        Values::Count(lines.iter().map(|line| value(line) as u64).collect())
    };
    let shown = |dimension| comparison.rows == dimension || comparison.columns == dimension;
    // What is a row or a column needs no column of its own.
    if !shown(Dimension::Dataset) {
        add("dataset", text(&|line| line.dataset.map(str::to_owned)));
    }
    if comparison.tables.iter().any(|table| table.method.is_some()) {
        add("method", text(&|line| line.method.map(str::to_owned)));
    }
    if !shown(Dimension::Selection) {
        add("selection", text(&|line| line.selection.map(str::to_owned)));
    }
    add("metric", text(&|line| Some(line.metric.to_owned())));
    add(comparison.rows.name(), text(&|line| Some(line.row.to_owned())));
    add(comparison.columns.name(), text(&|line| Some(line.column.clone())));
    add("upper_bound", Values::Truth(lines.iter().map(|line| line.upper_bound).collect()));
    add("mean", number(&|line| Some(line.cell?.mean)));
    add("standard_deviation", number(&|line| line.cell?.standard_deviation));
    add("interval_95", number(&|line| line.cell?.interval_95()));
    add("seeds", count(&|line| line.cell.map_or(0, |cell| cell.seeds)));
    add("collapsed", count(&|line| line.cell.map_or(0, |cell| cell.collapsed)));
    add("rank", number(&|line| line.ranked?.rank));
    if comparison.baseline.is_some() {
        let difference = |line: &Line<'_>| line.ranked?.difference;
        add("difference", number(&|line| Some(difference(line)?.mean)));
        add("pairs", count(&|line| difference(line).map_or(0, |found| found.pairs)));
        add("p_value", number(&|line| difference(line)?.p_value));
        let form = |line: &Line<'_>| {
            Some(match difference(line)?.form? {
                PValueForm::Exact => "exact".to_owned(),
                PValueForm::Normal => "normal".to_owned(),
            })
        };
        add("p_value_form", text(&form));
    }
    fields
}

pub(super) fn csv(comparison: &Comparison) -> String {
    let fields = fields(comparison);
    let header: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
    let text = |field: &Field, row: usize| match &field.values {
        Values::Text(values) => values[row].clone().unwrap_or_default(),
        Values::Truth(values) => values[row].to_string(),
        Values::Number(values) => {
            values[row].map_or_else(String::new, |value| format!("{value:?}"))
        }
        Values::Count(values) => values[row].to_string(),
    };
    let rows = lines(comparison).len();
    csv::render(&header, (0..rows).map(|row| fields.iter().map(|field| text(field, row)).collect()))
}

pub(super) fn parquet(comparison: &Comparison) -> PolarsResult<Vec<u8>> {
    let column = |Field { name, values }| match values {
        Values::Text(values) => Column::new(name.into(), values),
        Values::Truth(values) => Column::new(name.into(), values),
        Values::Number(values) => Column::new(name.into(), values),
        Values::Count(values) => Column::new(name.into(), values),
    };
    let columns: Vec<Column> = fields(comparison).into_iter().map(column).collect();
    let mut frame = DataFrame::new(columns.first().map_or(0, Column::len), columns)?;
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame)?;
    Ok(bytes)
}
