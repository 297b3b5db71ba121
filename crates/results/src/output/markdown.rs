//! Tables in Markdown.

use super::grid::{COLLAPSED, CellText, Grid};
use super::names::full;

pub(super) fn render(grids: &[Grid], notes: &[String]) -> String {
    let mut blocks: Vec<String> = Vec::new();
    for grid in grids {
        let dataset = grid.dataset.as_ref();
        let dataset = dataset.map(|dataset| format!("{}: ", escaped(dataset))).unwrap_or_default();
        blocks.push(format!("{dataset}`{}`{}\n", grid.subject, escaped(&grid.remark)));
        blocks.push(rows(grid));
    }
    blocks.extend(notes.iter().map(|note| format!("{}\n", escaped(note))));
    blocks.join("\n")
}

/// Markdown knows no rules between rows; upper bounds are last and named as such.
fn rows(grid: &Grid) -> String {
    let mut header = vec![grid.corner.clone()];
    header.extend(grid.columns.iter().map(|label| escaped(&full(label, " → "))));
    let mut rule = vec!["---".to_owned()];
    rule.resize(header.len(), "---:".to_owned());
    let mut lines = vec![header, rule];
    for row in &grid.rows {
        let mut line = vec![escaped(&full(&row.label, " → "))];
        line.extend(row.cells.iter().map(|cell| cell_text(cell.as_ref())));
        lines.push(line);
    }
    lines.into_iter().map(|line| format!("| {} |\n", line.join(" | "))).collect()
}

fn cell_text(cell: Option<&CellText>) -> String {
    match cell {
        None => "–".to_owned(),
        Some(cell) if cell.best => format!("**{}**", cell.line(" ± ", COLLAPSED)),
        Some(cell) => escaped(&cell.line(" ± ", COLLAPSED)),
    }
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('_', "\\_").replace('*', "\\*").replace('<', "&lt;")
}
