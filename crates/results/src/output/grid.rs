//! Tables as people read them: text in cells, ready for every form of output.

use crate::compare::{Direction, Label};

/// A table as text.
#[derive(Debug)]
pub(super) struct Grid {
    /// The data set, where there is one.
    pub dataset: Option<String>,
    /// The metric, or whatever the numbers are.
    pub subject: String,
    /// What follows it in the title: unit and choice.
    pub remark: String,
    /// What the rows are.
    pub corner: String,
    pub columns: Vec<Label>,
    /// Rows; upper bounds last.
    pub rows: Vec<GridRow>,
}

#[derive(Debug)]
pub(super) struct GridRow {
    pub label: Label,
    /// One a column; `None` where there is nothing to say.
    pub cells: Vec<Option<CellText>>,
}

/// One cell as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CellText {
    pub mean: String,
    pub deviation: Option<String>,
    /// Number of seeds, where it is not the same in all cells.
    pub seeds: Option<usize>,
    pub best: bool,
    /// Whether a choice behind it predicts few classes.
    pub collapsed: bool,
}

/// Stands behind cells with a choice that predicts few classes.
pub(super) const COLLAPSED: &str = "†";

impl CellText {
    /// A number alone.
    pub(super) fn plain(mean: String) -> Self {
        Self { mean, ..Self::default() }
    }

    /// Mean, deviation, number of seeds and mark in one line.
    pub(super) fn line(&self, plus_minus: &str, collapsed: &str) -> String {
        let mut text = self.mean.clone();
        if let Some(deviation) = &self.deviation {
            text.push_str(plus_minus);
            text.push_str(deviation);
        }
        if let Some(seeds) = self.seeds {
            text.push_str(&format!(" ({seeds})"));
        }
        if self.collapsed {
            text.push_str(collapsed);
        }
        text
    }
}

impl Grid {
    /// `subject` with what follows it.
    pub(super) fn title(&self) -> String {
        format!("{}{}", self.subject, self.remark)
    }

    /// The number of rows before the upper bounds.
    pub(super) fn competitors(&self) -> usize {
        self.rows.iter().filter(|row| !row.label.upper_bound).count()
    }
}

/// A label that is a text.
pub(super) fn label(text: impl Into<String>) -> Label {
    Label { text: text.into(), task: None, upper_bound: false }
}

/// Marks the best of the cells in these places (row, column), and whatever reads the same. A
/// single competitor is not the best of anything.
pub(super) fn mark_best(rows: &mut [GridRow], line: &[(usize, usize)], direction: Direction) {
    let values: Vec<((usize, usize), f64)> = line
        .iter()
        .filter_map(|&(row, column)| {
            let value: f64 = rows[row].cells[column].as_ref()?.mean.parse().ok()?;
            (!value.is_nan()).then_some(((row, column), value))
        })
        .collect();
    let winner = match direction {
        Direction::Higher => values.iter().map(|(_, value)| *value).reduce(f64::max),
        Direction::Lower => values.iter().map(|(_, value)| *value).reduce(f64::min),
    };
    if values.len() < 2 {
        return;
    }
    for ((row, column), value) in values {
        if let Some(cell) = &mut rows[row].cells[column] {
            cell.best = Some(value) == winner;
        }
    }
}
