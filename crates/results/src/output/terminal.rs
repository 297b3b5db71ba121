//! Tables on a terminal.

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, presets};

use super::cells::{Scale, texts};
use super::names::{ShortNames, full};
use crate::compare::{Comparison, Label, Table};

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

pub(super) fn render(comparison: &Comparison, options: TerminalOptions) -> String {
    let mut text = String::new();
    for table in &comparison.tables {
        text.push_str(&title(comparison, table));
        text.push('\n');
        text.push_str(&fitting(comparison, table, options));
        text.push('\n');
    }
    for note in &comparison.notes {
        text.push_str(note);
        text.push('\n');
    }
    text
}

fn title(comparison: &Comparison, table: &Table) -> String {
    let unit = Scale::of(&comparison.metric).unit();
    let metric = format!("{}{unit}", comparison.metric);
    match &table.dataset {
        Some(dataset) => format!("{dataset}: {metric}"),
        None => metric,
    }
}

/// Ways to draw a table, each narrower than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Full,
    ShortNames,
    Stacked,
    Broken(u16),
}

fn fitting(comparison: &Comparison, table: &Table, options: TerminalOptions) -> String {
    let draw = |layout, styled| draw(comparison, table, layout, styled);
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
    let legend = ShortNames::of(&table.columns).legend();
    if layout != Layout::Full && !legend.is_empty() {
        text.push_str(&legend);
        text.push('\n');
    }
    text
}

fn draw(comparison: &Comparison, table: &Table, layout: Layout, styled: bool) -> String {
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
    let mut header = vec![Cell::new(comparison.rows)];
    header.extend(column_names(table, layout).into_iter().map(right));
    if table.has_average {
        header.push(right("average".to_owned()));
    }
    drawn.set_header(header);
    let stacked = matches!(layout, Layout::Stacked | Layout::Broken(_));
    let plus_minus = if stacked { "\n± " } else { " ± " };
    for (row, cells) in table.rows.iter().zip(texts(comparison, table)) {
        let mut name = full(&row.label, " → ");
        if layout != Layout::Full {
            name = name.replace(" (", "\n(");
        }
        let mut line = vec![Cell::new(name)];
        line.extend(cells.iter().map(|cell| match cell {
            None => right("–".to_owned()),
            Some(cell) if cell.best => right(cell.line(plus_minus)).add_attribute(Attribute::Bold),
            Some(cell) => right(cell.line(plus_minus)),
        }));
        drawn.add_row(line);
    }
    let upper_bounds = table.rows.iter().filter(|row| row.label.upper_bound).count();
    keep_rule(&drawn, table.rows.len() - upper_bounds)
}

fn column_names(table: &Table, layout: Layout) -> Vec<String> {
    let names = ShortNames::of(&table.columns);
    let name = |label: &Label| match &label.task {
        Some(task) if layout != Layout::Full => names.task(task),
        _ => full(label, " → "),
    };
    table.columns.iter().map(name).collect()
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
