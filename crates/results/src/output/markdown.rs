//! Comparisons as Markdown tables.

use super::cells::{CellText, Scale, texts};
use super::names::full;
use crate::compare::{Comparison, Table};

pub(super) fn render(comparison: &Comparison) -> String {
    let mut blocks: Vec<String> = Vec::new();
    for table in &comparison.tables {
        let metric = &comparison.metric;
        let unit = Scale::of(metric).unit();
        let dataset = table.dataset.as_ref();
        let dataset = dataset.map(|dataset| format!("{}: ", escaped(dataset))).unwrap_or_default();
        blocks.push(format!("{dataset}`{metric}`{unit}\n"));
        blocks.push(rows(comparison, table));
    }
    blocks.extend(comparison.notes.iter().map(|note| format!("{}\n", escaped(note))));
    blocks.join("\n")
}

/// Markdown knows no rules between rows; upper bounds are last and named as such.
fn rows(comparison: &Comparison, table: &Table) -> String {
    let mut header = vec![comparison.rows.to_string()];
    header.extend(table.columns.iter().map(|label| escaped(&full(label, " → "))));
    if table.has_average {
        header.push("average".to_owned());
    }
    let mut rule = vec!["---".to_owned()];
    rule.resize(header.len(), "---:".to_owned());
    let mut lines = vec![header, rule];
    for (row, cells) in table.rows.iter().zip(texts(comparison, table)) {
        let mut line = vec![escaped(&full(&row.label, " → "))];
        line.extend(cells.iter().map(|cell| cell_text(cell.as_ref())));
        lines.push(line);
    }
    lines.into_iter().map(|line| format!("| {} |\n", line.join(" | "))).collect()
}

fn cell_text(cell: Option<&CellText>) -> String {
    match cell {
        None => "–".to_owned(),
        Some(cell) if cell.best => format!("**{}**", cell.line(" ± ")),
        Some(cell) => cell.line(" ± "),
    }
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('_', "\\_").replace('*', "\\*")
}
