//! Tables on a terminal.

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, presets};

use super::grid::{COLLAPSED, Grid};
use super::names::{ShortNames, full};
use crate::compare::Label;

/// How a terminal shows a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TerminalOptions {
    /// Width in characters. A table that is wider gets short names for its tasks, explained below
    /// it; one that is still wider puts the deviations below the means, and at last breaks its
    /// lines anywhere. `None`: as wide as need be.
    pub width: Option<u16>,
    /// Whether the best values are shown in bold, by escape sequences of terminals.
    pub styled: bool,
}

pub(super) fn render(grids: &[Grid], notes: &[String], options: TerminalOptions) -> String {
    let mut text = String::new();
    for grid in grids {
        if let Some(dataset) = &grid.dataset {
            text.push_str(&format!("{dataset}: "));
        }
        text.push_str(&grid.title());
        text.push('\n');
        text.push_str(&fitting(grid, options));
        text.push('\n');
    }
    for note in notes {
        text.push_str(note);
        text.push('\n');
    }
    text
}

/// Ways to draw a table, each narrower than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Full,
    ShortNames,
    Stacked,
    Broken(u16),
}

fn fitting(grid: &Grid, options: TerminalOptions) -> String {
    let draw = |layout, styled| draw(grid, layout, styled);
    let Some(width) = options.width else { return draw(Layout::Full, options.styled) };
    // Escape sequences take no place: the plain table is the one to measure.
    let fits = |layout: &Layout| {
        draw(*layout, false).lines().all(|line| line.chars().count() <= usize::from(width))
    };
    let layout = [Layout::Full, Layout::ShortNames, Layout::Stacked]
        .into_iter()
        .find(fits)
        .unwrap_or(Layout::Broken(width));
    let mut text = draw(layout, options.styled);
    let legend = ShortNames::of(&grid.columns).legend();
    if layout != Layout::Full && !legend.is_empty() {
        text.push_str(&legend);
        text.push('\n');
    }
    text
}

fn draw(grid: &Grid, layout: Layout, styled: bool) -> String {
    let mut drawn = comfy_table::Table::new();
    drawn.load_preset(presets::UTF8_FULL);
    drawn.set_content_arrangement(ContentArrangement::Disabled);
    if let Layout::Broken(width) = layout {
        drawn.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    if styled {
        drawn.enforce_styling();
    } else {
        drawn.force_no_tty();
    }
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    let mut header = vec![Cell::new(&grid.corner)];
    header.extend(column_names(grid, layout).into_iter().map(right));
    drawn.set_header(header);
    let stacked = matches!(layout, Layout::Stacked | Layout::Broken(_));
    let plus_minus = if stacked { "\n± " } else { " ± " };
    for row in &grid.rows {
        let mut name = full(&row.label, " → ");
        if layout != Layout::Full {
            name = name.replace(" (", "\n(");
        }
        let mut line = vec![Cell::new(name)];
        line.extend(row.cells.iter().map(|cell| {
            let Some(cell) = cell else { return right("–".to_owned()) };
            let text = right(cell.line(plus_minus, COLLAPSED));
            if cell.best { text.add_attribute(Attribute::Bold) } else { text }
        }));
        drawn.add_row(line);
    }
    keep_rule(&drawn, grid.competitors())
}

fn column_names(grid: &Grid, layout: Layout) -> Vec<String> {
    let names = ShortNames::of(&grid.columns);
    let name = |label: &Label| match &label.task {
        Some(task) if layout != Layout::Full => names.task(task),
        _ => full(label, " → "),
    };
    grid.columns.iter().map(name).collect()
}

/// The table with no rule between its rows but the one above the upper bounds, which come after
/// `rows` rows. The table type knows rules between all rows or none.
fn keep_rule(drawn: &comfy_table::Table, rows: usize) -> String {
    let mut text = String::new();
    let mut rules = 0;
    for line in drawn.lines() {
        if line.starts_with('├') {
            rules += 1;
            if rules != rows {
                continue;
            }
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}
