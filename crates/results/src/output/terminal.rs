//! Tables on a terminal.

use std::ops::Range;

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, presets};

use super::grid::{COLLAPSED, Grid};
use super::names::{ShortNames, full};
use crate::compare::Label;

/// How a terminal shows a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TerminalOptions {
    /// Width in characters. A table that is wider gets short names for its tasks, explained below
    /// it; one that is still wider puts the deviations below the means and breaks names between
    /// words; and at last its columns are shown in several tables, one below the other. Words and
    /// numbers are never broken. `None`: as wide as need be.
    pub width: Option<u16>,
    /// Whether the best values are shown in bold, by escape sequences of terminals.
    pub styled: bool,
}

pub(super) fn render(grids: &[Grid], notes: &[String], options: TerminalOptions) -> String {
    let mut text = String::new();
    for grid in grids {
        if let Some(dataset) = &grid.dataset {
            text.push_str(&format!("{}: ", one_line(dataset)));
        }
        text.push_str(&one_line(&grid.title()));
        text.push('\n');
        text.push_str(&fitting(grid, options));
        text.push('\n');
    }
    for note in notes {
        text.push_str(&one_line(note));
        text.push('\n');
    }
    text
}

/// Ways to draw a table, each narrower than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Full,
    ShortNames,
    /// Deviations below means, names broken between words, row names to at most this many
    /// characters where their words allow it.
    Stacked(usize),
}

fn fitting(grid: &Grid, options: TerminalOptions) -> String {
    let all = 0..grid.columns.len();
    let Some(width) = options.width.map(usize::from) else {
        return draw(grid, all, Layout::Full, options.styled);
    };
    // Escape sequences take no place: the plain table is the one to measure, and its upper rule
    // is as wide as all of it, whatever characters it holds.
    let fits = |columns: Range<usize>, layout| {
        let drawn = draw(grid, columns, layout, false);
        drawn.lines().next().is_none_or(|rule| rule.chars().count() <= width)
    };
    let row_names = (width / 3).max(16);
    let layout = [Layout::Full, Layout::ShortNames]
        .into_iter()
        .find(|layout| fits(all.clone(), *layout))
        .unwrap_or(Layout::Stacked(row_names));
    let mut text = String::new();
    let mut start = 0;
    loop {
        let mut end = all.end;
        while end > start + 1 && !fits(start..end, layout) {
            end -= 1;
        }
        text.push_str(&draw(grid, start..end, layout, options.styled));
        if end >= all.end {
            break;
        }
        start = end;
    }
    let legend = ShortNames::of(&grid.columns).legend();
    if layout != Layout::Full && !legend.is_empty() {
        text.push_str(&one_line(&legend));
        text.push('\n');
    }
    text
}

fn draw(grid: &Grid, columns: Range<usize>, layout: Layout, styled: bool) -> String {
    let mut drawn = comfy_table::Table::new();
    drawn.load_preset(presets::UTF8_FULL);
    drawn.set_content_arrangement(ContentArrangement::Disabled);
    if styled {
        drawn.enforce_styling();
    } else {
        drawn.force_no_tty();
    }
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    let stacked = matches!(layout, Layout::Stacked(_));
    let names = column_names(grid, layout);
    let cells = |row: usize| grid.rows[row].cells.iter().skip(columns.start).take(columns.len());
    let plus_minus = if stacked { "\n± " } else { " ± " };
    let header = names[columns.clone()].iter().enumerate().map(|(place, name)| {
        if !stacked {
            return right(name.clone());
        }
        // A heading may be as wide as what stands below it.
        let widest = (0..grid.rows.len())
            .filter_map(|row| cells(row).nth(place)?.as_ref())
            .flat_map(|cell| {
                let text = cell.line(plus_minus, COLLAPSED);
                text.lines().map(|line| line.chars().count()).max()
            })
            .max();
        right(wrapped(name, widest.unwrap_or(0)))
    });
    drawn.set_header([Cell::new(one_line(&grid.corner))].into_iter().chain(header));
    for (index, row) in grid.rows.iter().enumerate() {
        let mut name = one_line(&full(&row.label, " → "));
        match layout {
            Layout::Full => {}
            Layout::ShortNames => name = name.replace(" (", "\n("),
            Layout::Stacked(most) => {
                let parts = name.split(" (").enumerate();
                let open = |(place, part): (usize, &str)| {
                    let part = if place > 0 { format!("({part}") } else { part.to_owned() };
                    wrapped(&part, most)
                };
                name = parts.map(open).collect::<Vec<_>>().join("\n");
            }
        }
        let mut line = vec![Cell::new(name)];
        line.extend(cells(index).map(|cell| {
            let Some(cell) = cell else { return right("–".to_owned()) };
            let text = cell.line(plus_minus, COLLAPSED);
            let text = right(if stacked { words_below(&text) } else { text });
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
    grid.columns.iter().map(|label| one_line(&name(label))).collect()
}

/// Cells of words, such as `no target labels`, break between them; numbers do not.
fn words_below(text: &str) -> String {
    if text.starts_with(|first: char| first.is_alphabetic()) {
        wrapped(text, 0)
    } else {
        text.to_owned()
    }
}

/// The text in lines of at most `most` characters, where its words allow it: lines end after a
/// space, a hyphen, a comma or an arrow, and nowhere else.
fn wrapped(text: &str, most: usize) -> String {
    let mut lines: Vec<String> = vec![String::new()];
    let mut pieces: Vec<String> = vec![String::new()];
    for character in text.chars() {
        let ends = matches!(character, ' ' | '-' | ',' | '_' | '/' | '+' | '=' | '→');
        if let Some(piece) = pieces.last_mut() {
            piece.push(character);
        }
        if ends {
            pieces.push(String::new());
        }
    }
    for piece in pieces {
        let Some(line) = lines.last_mut() else { break };
        let length = line.chars().count() + piece.trim_end().chars().count();
        if line.is_empty() || length <= most || piece.trim().is_empty() {
            line.push_str(&piece);
        } else {
            lines.push(piece);
        }
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    lines.join("\n")
}

/// The text without line breaks and other characters that would move the cursor.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words_and_long_words_stay_whole() {
        assert_eq!(wrapped("source-accuracy", 6), "source-\naccuracy");
        assert_eq!(wrapped("source-accuracy", 15), "source-accuracy");
        assert_eq!(wrapped("a b c", 3), "a b\nc");
        assert_eq!(wrapped("importance", 3), "importance");
        assert_eq!(wrapped("s07→s18", 3), "s07→\ns18");
        assert_eq!(wrapped("", 3), "");
        assert_eq!(one_line("a\nb\u{1b}[31m"), "a b [31m");
    }
}
