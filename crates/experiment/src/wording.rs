//! What a JSON schema says, in words.

use serde_json::Value;

use crate::schema::{PLUGIN_KIND, names, resolve, types, variants};
use crate::suggest::alternatives;

/// What kind of value the schema wants: `a number`, `` `a` or `b` ``.
pub(crate) fn describe(root: &Value, schema: &Value) -> String {
    let schema = resolve(root, schema);
    if let Some(kind) = schema.get(PLUGIN_KIND).and_then(Value::as_str) {
        return table_of(kind);
    }
    let variants = variants(root, schema);
    if let [only] = variants.as_slice() {
        return describe(root, only);
    }
    if !variants.is_empty() {
        let mut allowed: Vec<String> = Vec::new();
        let named: Vec<&str> = variants.iter().flat_map(|one| names(one)).collect();
        if !named.is_empty() {
            allowed.push(alternatives(&named));
        }
        for variant in variants {
            let keys: Vec<&str> = variant
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let text = match keys.as_slice() {
                [key] => format!("`{{ {key} = ... }}`"),
                _ => describe(root, variant),
            };
            if names(variant).is_empty() && !allowed.contains(&text) {
                allowed.push(text);
            }
        }
        return allowed.join(" or ");
    }
    let named = names(schema);
    if !named.is_empty() {
        return alternatives(&named);
    }
    let each = |one: &&str| match *one {
        "number" => "a number".to_owned(),
        "integer" => "a whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "string" => "text".to_owned(),
        "array" => match schema.get("items") {
            Some(items) => format!("a list of {}", plural(root, items)),
            None => "a list".to_owned(),
        },
        _ => "a table".to_owned(),
    };
    let described: Vec<String> = types(schema).iter().map(each).collect();
    if described.is_empty() { "a value".to_owned() } else { described.join(" or ") }
}

/// `a table that names an extractor`.
pub(crate) fn table_of(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("a table that names {article} {kind}")
}

fn plural(root: &Value, items: &Value) -> String {
    let one = describe(root, items);
    match one.as_str() {
        "a number" => "numbers".to_owned(),
        "a whole number" => "whole numbers".to_owned(),
        "text" => "texts".to_owned(),
        "a table" => "tables".to_owned(),
        _ => match one.strip_prefix("a table that names ") {
            Some(kind) => format!("tables that each name {kind}"),
            None => one,
        },
    }
}

/// The range of the schema's numbers in words, where it has one: `>= 0 and < 1`. For lists that of
/// their lengths, else of their elements.
pub(crate) fn range(root: &Value, schema: &Value) -> Option<String> {
    let schema = resolve(root, schema);
    if !types(schema).contains(&"array") {
        let limits = bounds(schema, ["minimum", "maximum"]);
        return (!limits.is_empty()).then(|| words(&limits));
    }
    let mut lengths = bounds(schema, ["minItems", "maxItems"]);
    lengths.retain(|bound| bound.limit != 0.0);
    let length = match lengths.as_slice() {
        [] => None,
        [one] if one.limit == 1.0 && one.sign == ">=" => Some("at least one".to_owned()),
        many => Some(words(many)),
    };
    let each = schema.get("items").and_then(|items| range(root, items));
    match (length, each) {
        (None, None) => None,
        (Some(length), None) => Some(format!("({length})")),
        (None, Some(each)) => Some(format!("(each {each})")),
        (Some(length), Some(each)) => Some(format!("({length}, each {each})")),
    }
}

/// A limit of a number or of a length.
pub(crate) struct Bound {
    sign: &'static str,
    limit: f64,
}

impl Bound {
    /// Whether a number keeps to it.
    pub(crate) fn holds(&self, number: f64) -> bool {
        match self.sign {
            ">=" => number >= self.limit,
            ">" => number > self.limit,
            "<=" => number <= self.limit,
            "<" => number < self.limit,
            _ => number == self.limit,
        }
    }
}

/// The bounds under the given keys and their exclusive forms.
pub(crate) fn bounds(schema: &Value, [least, most]: [&str; 2]) -> Vec<Bound> {
    let limit = |key: &str| schema.get(key).and_then(Value::as_f64);
    if let (Some(least), Some(most)) = (limit(least), limit(most))
        && least == most
    {
        return vec![Bound { sign: "exactly", limit: least }];
    }
    let all = [(">=", least), (">", "exclusiveMinimum"), ("<=", most), ("<", "exclusiveMaximum")];
    all.into_iter()
        .filter_map(|(sign, key)| limit(key).map(|limit| Bound { sign, limit }))
        .collect()
}

/// `>= 0 and < 1`.
pub(crate) fn words(bounds: &[Bound]) -> String {
    let each: Vec<String> =
        bounds.iter().map(|bound| format!("{} {}", bound.sign, bound.limit)).collect();
    each.join(" and ")
}
