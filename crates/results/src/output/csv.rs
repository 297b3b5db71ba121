//! Comparisons as comma-separated values.

use crate::compare::{Comparison, Label, Summary};

pub(super) fn render(comparison: &Comparison) -> String {
    let mut text = String::new();
    // Where the data set is a row or a column it needs no column of its own.
    let by_dataset = comparison.tables.iter().any(|table| table.dataset.is_some());
    let (rows, columns) = (comparison.rows.name(), comparison.columns.name());
    let header = ["metric", rows, columns, "upper_bound", "mean", "standard_deviation", "seeds"];
    let dataset = by_dataset.then_some("dataset");
    line(&mut text, dataset.into_iter().chain(header));
    for table in &comparison.tables {
        let dataset = table.dataset.as_deref();
        for row in &table.rows {
            let mut add = |column: &str, upper_bound: bool, cell: Option<&Summary>| {
                let number = |value: Option<f64>| {
                    value.map_or_else(String::new, |value| format!("{value:?}"))
                };
                let fields = [
                    comparison.metric.as_str(),
                    &row.label.text,
                    column,
                    if upper_bound { "true" } else { "false" },
                    &number(cell.map(|cell| cell.mean)),
                    &number(cell.and_then(|cell| cell.standard_deviation)),
                    &cell.map_or(0, |cell| cell.seeds).to_string(),
                ];
                line(&mut text, dataset.into_iter().chain(fields));
            };
            for (Label { text, upper_bound, .. }, cell) in table.columns.iter().zip(&row.cells) {
                add(text, *upper_bound || row.label.upper_bound, cell.as_ref());
            }
            if table.has_average {
                add("average", row.label.upper_bound, row.average.as_ref());
            }
        }
    }
    text
}

fn line<'a>(text: &mut String, fields: impl Iterator<Item = &'a str>) {
    let fields: Vec<String> = fields.map(quoted).collect();
    text.push_str(&fields.join(","));
    text.push('\n');
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn fields_that_need_it_are_quoted() {
        assert_eq!(quoted("a -> w"), "a -> w");
        assert_eq!(quoted("dann, \"tuned\""), "\"dann, \"\"tuned\"\"\"");
    }
}
