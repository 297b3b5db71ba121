//! Values as experiment files write them.

use serde_json::Value;

/// A key, quoted where it must be.
pub(super) fn key(name: &str) -> String {
    let bare = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { string(name) }
}

/// A value in one line; what is absent is left out of tables and lists.
pub(super) fn value(content: &Value) -> String {
    match content {
        Value::Null => String::new(),
        Value::String(text) => string(text),
        Value::Bool(_) | Value::Number(_) => content.to_string(),
        Value::Array(items) => {
            let items: Vec<String> =
                items.iter().filter(|item| !item.is_null()).map(value).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(table) => {
            let fields: Vec<String> = table
                .iter()
                .filter(|(_, content)| !content.is_null())
                .map(|(name, content)| format!("{} = {}", key(name), value(content)))
                .collect();
            if fields.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", fields.join(", ")) }
        }
    }
}

fn string(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            character if character.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(character)));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_written_as_toml_reads_them() {
        let table = json!({
            "a b": "say \"no\"\n", "n": null, "list": [1, 1e-7, 2.0, [true]], "none": {},
        });
        assert_eq!(
            value(&table),
            r#"{ "a b" = "say \"no\"\u000A", list = [1, 1e-7, 2.0, [true]], none = {} }"#
        );
        assert_eq!(key("dann-2_x") + &key(""), "dann-2_x\"\"");
    }
}
