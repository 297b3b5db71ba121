//! Comparisons as LaTeX tables.

use super::cells::{CellText, Scale, texts};
use super::names::full;
use crate::compare::{Comparison, Label, Table};

const ARROW: &str = "→";

pub(super) fn render(comparison: &Comparison) -> String {
    let mut text = "% needs \\usepackage{booktabs}\n".to_owned();
    for table in &comparison.tables {
        let unit = Scale::of(&comparison.metric).unit();
        let dataset = table.dataset.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        text.push_str(&format!("% {dataset}{}{unit}\n", comparison.metric));
        text.push_str(&tabular(comparison, table));
    }
    for note in &comparison.notes {
        text.push_str(&format!("% {note}\n"));
    }
    text
}

fn tabular(comparison: &Comparison, table: &Table) -> String {
    let columns = table.columns.len() + usize::from(table.has_average);
    let mut header = vec![comparison.rows.to_string()];
    header.extend(table.columns.iter().map(name));
    if table.has_average {
        header.push("average".to_owned());
    }
    let mut text = format!("\\begin{{tabular}}{{l{}}}\n\\toprule\n", "r".repeat(columns));
    text.push_str(&line(&header));
    text.push_str("\\midrule\n");
    let mut apart = false;
    for (index, (row, cells)) in table.rows.iter().zip(texts(comparison, table)).enumerate() {
        if row.label.upper_bound && !apart {
            apart = true;
            if index > 0 {
                text.push_str("\\midrule\n");
            }
        }
        let mut fields = vec![name(&row.label)];
        fields.extend(cells.iter().map(|cell| cell_text(cell.as_ref())));
        text.push_str(&line(&fields));
    }
    text.push_str("\\bottomrule\n\\end{tabular}\n");
    text
}

fn line(fields: &[String]) -> String {
    format!("{} \\\\\n", fields.join(" & "))
}

fn cell_text(cell: Option<&CellText>) -> String {
    match cell {
        None => "--".to_owned(),
        Some(cell) if cell.best => format!("\\textbf{{{}}}", cell.line(" $\\pm$ ")),
        Some(cell) => cell.line(" $\\pm$ "),
    }
}

fn name(label: &Label) -> String {
    escaped(&full(label, &format!(" {ARROW} ")))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '→' => escaped.push_str("$\\to$"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn special_characters_are_escaped() {
        assert_eq!(escaped(r"a_b & 5%\x → w"), r"a\_b \& 5\%\textbackslash{}x $\to$ w");
    }
}
