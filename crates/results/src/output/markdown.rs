//! Tables in Markdown.

use super::grid::{COLLAPSED, CellText, Grid};
use super::names::full;
use super::plain::one_line;

pub(super) fn render(grids: &[Grid], notes: &[String]) -> String {
    let mut blocks: Vec<String> = Vec::new();
    for grid in grids {
        let dataset = grid.dataset.as_ref();
        let dataset = dataset.map(|dataset| format!("{}: ", escaped_first(dataset)));
        let dataset = dataset.unwrap_or_default();
        blocks.push(format!("{dataset}{}{}\n", code(&grid.subject), escaped(&grid.remark)));
        blocks.push(rows(grid));
    }
    blocks.extend(notes.iter().map(|note| format!("{}\n", prose(note))));
    blocks.join("\n")
}

/// Markdown knows no rules between rows; upper bounds are last and named as such.
fn rows(grid: &Grid) -> String {
    let mut header = vec![escaped(&grid.corner)];
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

/// The text on one line, with a backslash before each character that would be a mark in Markdown.
pub fn escaped(text: &str) -> String {
    let text = one_line(text);
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// The text at the beginning of a line, where headings, lists and rules begin too.
fn escaped_first(text: &str) -> String {
    let escaped = escaped(text);
    let digits = escaped.bytes().take_while(u8::is_ascii_digit).count();
    match escaped.as_bytes().get(digits) {
        Some(b'#' | b'+' | b'-' | b'=' | b':') if digits == 0 => format!("\\{escaped}"),
        Some(b'.' | b')') if digits > 0 => {
            format!("{}\\{}", &escaped[..digits], &escaped[digits..])
        }
        _ => escaped,
    }
}

/// A sentence, whose names in backticks stay code.
fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped_first(text);
    }
    let part = |(place, part): (usize, &&str)| match place {
        0 => escaped_first(part),
        place if place % 2 == 1 => code(part),
        _ => escaped(part),
    };
    parts.iter().enumerate().map(part).collect()
}

/// The text as code, whatever backticks it holds.
fn code(text: &str) -> String {
    let text = one_line(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if longest > 0 { format!("{fence} {text} {fence}") } else { format!("{fence}{text}{fence}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_escaped() {
        assert_eq!(escaped("a|b_*`<&amp;>"), "a\\|b\\_\\*\\`\\<\\&amp;\\>");
        assert_eq!(escaped("source-only (s07)"), "source-only (s07)");
        assert_eq!(escaped_first("# x"), "\\# x");
        assert_eq!(escaped_first("- x"), "\\- x");
        assert_eq!(escaped_first("12. x"), "12\\. x");
        assert_eq!(escaped_first("office31"), "office31");
        assert_eq!(prose("`a_b` and c_d"), "`a_b` and c\\_d");
        assert_eq!(prose("a`b*"), "a\\`b\\*");
        assert_eq!(code("a_b"), "`a_b`");
        assert_eq!(code("a`b``"), "``` a`b`` ```");
    }
}
