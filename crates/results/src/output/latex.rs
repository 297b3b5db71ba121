//! Comparisons as LaTeX tables.

use super::grid::{CellText, Grid};
use super::names::full;
use super::plain::one_line;
use crate::compare::Label;

const ARROW: &str = "→";

pub(super) fn render(grids: &[Grid], notes: &[String]) -> String {
    let mut text = "% needs \\usepackage{booktabs} and \\usepackage[T1]{fontenc}\n".to_owned();
    for grid in grids {
        let dataset = grid.dataset.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        text.push_str(&format!("% {}\n", one_line(&format!("{dataset}{}", grid.title()))));
        text.push_str(&tabular(grid));
    }
    for note in notes {
        text.push_str(&format!("% {}\n", one_line(note)));
    }
    text
}

fn tabular(grid: &Grid) -> String {
    let mut header = vec![escaped(&grid.corner)];
    header.extend(grid.columns.iter().map(name));
    let columns = "r".repeat(grid.columns.len());
    let mut text = format!("\\begin{{tabular}}{{l{columns}}}\n\\toprule\n");
    text.push_str(&line(&header));
    text.push_str("\\midrule\n");
    let competitors = grid.competitors();
    for (index, row) in grid.rows.iter().enumerate() {
        if index == competitors && index > 0 {
            text.push_str("\\midrule\n");
        }
        let mut fields = vec![name(&row.label)];
        fields.extend(row.cells.iter().map(|cell| cell_text(cell.as_ref())));
        text.push_str(&line(&fields));
    }
    text.push_str("\\bottomrule\n\\end{tabular}\n");
    text
}

fn line(fields: &[String]) -> String {
    format!("{} \\\\\n", fields.join(" & "))
}

fn cell_text(cell: Option<&CellText>) -> String {
    let Some(cell) = cell else { return "--".to_owned() };
    let text = cell.line(" $\\pm$ ", "$^\\dagger$").replace('<', "$<$");
    if cell.best { format!("\\textbf{{{text}}}") } else { text }
}

fn name(label: &Label) -> String {
    escaped(&full(label, &format!(" {ARROW} ")))
}

fn escaped(text: &str) -> String {
    let text = one_line(text);
    let mut escaped = String::with_capacity(text.len());
    let mut before = None;
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            '|' => escaped.push_str("\\textbar{}"),
            '"' => escaped.push_str("\\textquotedbl{}"),
            // Two of these would become another character.
            '-' | '\'' | '`' | '?' | '!' if before == Some(c) || (before.is_some() && c == '`') => {
                escaped.push_str("{}");
                escaped.push(c);
            }
            // After the end of a row these would be its options.
            '[' | ']' | '*' => escaped.extend(['{', c, '}']),
            '→' => escaped.push_str("$\\to$"),
            '†' => escaped.push_str("$^\\dagger$"),
            other => escaped.push(other),
        }
        before = Some(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn special_characters_are_escaped() {
        assert_eq!(escaped(r"a_b & 5%\x → w"), r"a\_b \& 5\%\textbackslash{}x $\to$ w");
        assert_eq!(escaped("[a] *b* x--y"), "{[}a{]} {*}b{*} x-{}-y");
        assert_eq!(escaped("source-only"), "source-only");
        assert_eq!(escaped("a\nb"), "a b");
    }
}
