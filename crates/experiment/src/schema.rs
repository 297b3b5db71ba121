//! What the parts of a JSON schema are.

use serde_json::Value;

/// The schema key that marks a table as naming a plugin of a kind.
pub(crate) const PLUGIN_KIND: &str = "x-plugin-kind";

/// The schema itself, or the definition that it refers to.
pub(crate) fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return schema };
    reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

/// The schemas of which a value fits one, without "absent", which TOML cannot write. Empty where
/// the schema is a plain one.
pub(crate) fn variants<'s>(root: &'s Value, schema: &'s Value) -> Vec<&'s Value> {
    ["oneOf", "anyOf"]
        .iter()
        .filter_map(|key| schema.get(key).and_then(Value::as_array))
        .flatten()
        .map(|one| resolve(root, one))
        .filter(|one| one.get("type").and_then(Value::as_str) != Some("null"))
        .flat_map(|one| {
            let below = variants(root, one);
            if below.is_empty() { vec![one] } else { below }
        })
        .collect()
}

/// The values that a schema of names allows.
pub(crate) fn names(schema: &Value) -> Vec<&str> {
    schema
        .get("const")
        .into_iter()
        .chain(schema.get("enum").and_then(Value::as_array).into_iter().flatten())
        .filter_map(Value::as_str)
        .collect()
}

/// The types that a schema allows, without "absent".
pub(crate) fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => {
            many.iter().filter_map(Value::as_str).filter(|one| *one != "null").collect()
        }
        _ => Vec::new(),
    }
}
