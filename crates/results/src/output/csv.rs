//! Tidy rows as comma-separated values.

/// The header and the lines, each a list of fields.
pub(super) fn render(header: &[String], lines: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = line(header);
    for fields in lines {
        text.push_str(&line(&fields));
    }
    text
}

fn line(fields: &[String]) -> String {
    let fields: Vec<String> = fields.iter().map(|field| quoted(field)).collect();
    format!("{}\n", fields.join(","))
}

fn quoted(field: &str) -> String {
    let outer = field.starts_with(char::is_whitespace) || field.ends_with(char::is_whitespace);
    if outer || field.contains([',', '"', '\n', '\r']) {
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
        assert_eq!(quoted(" a"), "\" a\"");
        assert_eq!(quoted("dann, \"tuned\""), "\"dann, \"\"tuned\"\"\"");
    }
}
