//! Checks a TOML value against a JSON schema.
//!
//! The schemas come from the doc comments and attributes of configuration structs, so what is
//! documented, what editors complete and what is enforced are the same. All problems are found,
//! each with its place, which serde's first error cannot do.

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use crate::Diagnostics;
use crate::schema::{PLUGIN_KIND, names, resolve, types, variants};
use crate::suggest::{did_you_mean, list};
use crate::tree::{Node, in_order, is_scalar, real, shown, whole};
use crate::wording::{bounds, describe, table_of, words};

/// A schema with the definitions that it refers to.
pub(crate) struct Shape<'s> {
    root: &'s Value,
    owner: String,
    member: &'static str,
}

impl<'s> Shape<'s> {
    /// The shape of an experiment file.
    pub(crate) fn of_file(root: &'s Value) -> Self {
        Self { root, owner: "an experiment file".to_owned(), member: "key" }
    }

    /// The shape of a plugin's table.
    pub(crate) fn of_plugin(root: &'s Value, name: &str) -> Self {
        Self { root, owner: format!("`{name}`"), member: "field" }
    }

    /// Checks the fields of a table.
    pub(crate) fn check_table(&self, node: &Node<'_>, diagnostics: &mut Diagnostics) {
        self.check(self.root, node, "", diagnostics);
    }

    /// Checks one value, called `field` in messages, against `schema`.
    pub(crate) fn check(
        &self,
        schema: &Value,
        node: &Node<'_>,
        field: &str,
        diagnostics: &mut Diagnostics,
    ) {
        let schema = resolve(self.root, schema);
        if let DeValue::Float(number) = node.get_ref()
            && !real(number).is_some_and(f64::is_finite)
        {
            let text = shown(node.get_ref());
            diagnostics.error(node.span(), format!("`{field} = {text}` must be a finite number"));
            return;
        }
        if let Some(kind) = schema.get(PLUGIN_KIND).and_then(Value::as_str) {
            if !node.get_ref().is_table() {
                diagnostics.error_with(
                    node.span(),
                    format!("{} must be {}", said(field, node), table_of(kind)),
                    format!("write `{{ name = \"...\" }}`; `isthmus list {kind}` shows the names"),
                );
            }
            return;
        }
        let variants = variants(self.root, schema);
        if !variants.is_empty() {
            self.check_variants(schema, &variants, node, field, diagnostics);
            return;
        }
        if !accepts(schema, node.get_ref()) {
            let expected = describe(self.root, schema);
            let message = format!("{} must be {expected}", said(field, node));
            diagnostics.error(node.span(), message);
            return;
        }
        match node.get_ref() {
            DeValue::Table(table) => self.check_fields(schema, node, table, field, diagnostics),
            DeValue::Array(elements) => {
                let limits = bounds(schema, ["minItems", "maxItems"]);
                let length = elements.len() as f64;
                if !limits.iter().all(|bound| bound.holds(length)) {
                    diagnostics.error(
                        node.span(),
                        format!(
                            "`{field}` has {} elements, must have {}",
                            elements.len(),
                            words(&limits)
                        ),
                    );
                }
                if let Some(items) = schema.get("items") {
                    for (position, element) in elements.iter().enumerate() {
                        let field = format!("{field}[{position}]");
                        self.check(items, element, &field, diagnostics);
                    }
                }
            }
            DeValue::Integer(number) => match whole(number) {
                Some(number) => self.check_range(schema, number as f64, node, field, diagnostics),
                None => diagnostics
                    .error(node.span(), format!("`{field} = {number}` is too large a number")),
            },
            DeValue::Float(number) => {
                if let Some(number) = real(number) {
                    self.check_range(schema, number, node, field, diagnostics);
                }
            }
            DeValue::String(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
        }
    }

    fn check_range(
        &self,
        schema: &Value,
        number: f64,
        node: &Node<'_>,
        field: &str,
        diagnostics: &mut Diagnostics,
    ) {
        let bounds = bounds(schema, ["minimum", "maximum"]);
        if !bounds.iter().all(|bound| bound.holds(number)) {
            let message = format!("{} must be {}", said(field, node), words(&bounds));
            diagnostics.error(node.span(), message);
        }
    }

    fn check_fields(
        &self,
        schema: &Value,
        node: &Node<'_>,
        table: &DeTable<'_>,
        field: &str,
        diagnostics: &mut Diagnostics,
    ) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        for (key, value) in in_order(table) {
            let name = key.get_ref().as_ref();
            let path = if field.is_empty() { name.to_owned() } else { format!("{field}.{name}") };
            match (properties.and_then(|all| all.get(name)), others) {
                (Some(property), _) => self.check(property, value, &path, diagnostics),
                (None, Some(Value::Bool(false))) => {
                    let known: Vec<&str> = properties
                        .into_iter()
                        .flat_map(|all| all.keys().map(String::as_str))
                        .collect();
                    self.unknown(name, key.span(), field, &known, diagnostics);
                }
                (None, Some(other @ Value::Object(_))) => {
                    self.check(other, value, &path, diagnostics);
                }
                (None, _) => {}
            }
        }
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            if let Some(name) = name.as_str()
                && table.get(name).is_none()
            {
                let owner = if field.is_empty() { &self.owner } else { &format!("`{field}`") };
                diagnostics.error(node.span(), format!("{owner} needs `{name}`"));
            }
        }
    }

    fn unknown(
        &self,
        name: &str,
        span: std::ops::Range<usize>,
        field: &str,
        known: &[&str],
        diagnostics: &mut Diagnostics,
    ) {
        let owner = match (field.is_empty(), self.member) {
            (true, _) => self.owner.clone(),
            (false, "key") => format!("`{field}`"),
            (false, _) => format!("`{field}` of {}", self.owner),
        };
        let has = if known.is_empty() {
            "it has none".to_owned()
        } else {
            format!("it has {}", list(known))
        };
        let message = format!("`{name}` is not a {} of {owner} ({has})", self.member);
        match did_you_mean(name, known.iter().copied()) {
            Some(help) => diagnostics.error_with(span, message, help),
            None => diagnostics.error(span, message),
        }
    }

    fn check_variants(
        &self,
        schema: &Value,
        variants: &[&Value],
        node: &Node<'_>,
        field: &str,
        diagnostics: &mut Diagnostics,
    ) {
        let fitting: Vec<&Value> = match node.get_ref() {
            DeValue::String(text) => {
                if variants.iter().any(|one| names(one).contains(&text.as_ref())) {
                    return;
                }
                variants
                    .iter()
                    .copied()
                    .filter(|one| names(one).is_empty() && accepts(one, node.get_ref()))
                    .collect()
            }
            DeValue::Table(table) => {
                let tables: Vec<_> =
                    variants.iter().copied().filter(|one| accepts(one, node.get_ref())).collect();
                match tables.as_slice() {
                    [_] => tables,
                    _ => tables.into_iter().filter(|one| tagged(self.root, one, table)).collect(),
                }
            }
            value => variants.iter().copied().filter(|one| accepts(one, value)).collect(),
        };
        if let [one, ..] = fitting.as_slice() {
            self.check(one, node, field, diagnostics);
            return;
        }
        let message = format!("{} must be {}", said(field, node), describe(self.root, schema));
        let known = variants.iter().flat_map(|one| names(one));
        match node.get_ref().as_str().and_then(|text| did_you_mean(text, known)) {
            Some(help) => diagnostics.error_with(node.span(), message, help),
            None => diagnostics.error(node.span(), message),
        }
    }
}

/// Whether the schema's type is the value's. A schema of names accepts only those.
fn accepts(schema: &Value, value: &DeValue<'_>) -> bool {
    let names = names(schema);
    if !names.is_empty() {
        return value.as_str().is_some_and(|text| names.contains(&text));
    }
    let types = types(schema);
    let any = |wanted: &[&str]| types.is_empty() || types.iter().any(|one| wanted.contains(one));
    match value {
        DeValue::String(_) => any(&["string"]),
        DeValue::Integer(_) => any(&["integer", "number"]),
        DeValue::Float(_) => any(&["number"]),
        DeValue::Boolean(_) => any(&["boolean"]),
        DeValue::Array(_) => any(&["array"]),
        DeValue::Table(_) => any(&["object"]),
        DeValue::Datetime(_) => false,
    }
}

/// Whether the table is of this variant: by the value of its tag, or by the one key it needs.
fn tagged(root: &Value, variant: &Value, table: &DeTable<'_>) -> bool {
    let properties = variant.get("properties").and_then(Value::as_object);
    let tags: Vec<(&String, Vec<&str>)> = properties
        .into_iter()
        .flatten()
        .map(|(key, property)| (key, names(resolve(root, property))))
        .filter(|(_, names)| names.len() == 1)
        .collect();
    if !tags.is_empty() {
        return tags.iter().all(|(key, names)| {
            table
                .get(key.as_str())
                .and_then(|value| value.get_ref().as_str())
                .is_some_and(|value| names.contains(&value))
        });
    }
    variant
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .all(|key| table.get(key).is_some())
}

/// `` `field = 3` `` for plain values, `` `field` `` for others.
fn said(field: &str, node: &Node<'_>) -> String {
    match node.get_ref() {
        value if is_scalar(value) => format!("`{field} = {}`", shown(value)),
        value => format!("`{field}` is {},", shown(value)),
    }
}
