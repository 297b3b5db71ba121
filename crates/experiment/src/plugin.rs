//! A table that names a plugin, to the plugin with its complete configuration.

use std::ops::Range;

use serde::Serialize;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Diagnostics;
use crate::schema::{PLUGIN_KIND, resolve as resolve_reference, variants};
use crate::shape::Shape;
use crate::suggest::{did_you_mean, list};
use crate::tree::{Node, child, place_of};
use isthmus_core::registry::{Kind, Plugin, find, plugins};
use isthmus_core::spec::PluginSpec;

/// The key that every table of a plugin has.
pub(crate) const NAME: &str = "name";

/// Finds the plugin that a table names.
pub(crate) fn named(
    kind: Kind,
    node: &Node<'_>,
    default: Option<&str>,
    diagnostics: &mut Diagnostics,
) -> Option<&'static Plugin> {
    let (name, span) = match child(node, NAME) {
        Some(value) => match value.get_ref().as_str() {
            Some(name) => (name, value.span()),
            None => {
                diagnostics.error(value.span(), format!("the `name` of a {kind} must be text"));
                return None;
            }
        },
        None => match default {
            Some(name) => (name, node.span()),
            None => {
                let help = format!("the {kind}s are {}", list(&names(kind)));
                let message = format!("this table must have a `name`: which {kind} is it?");
                diagnostics.error_with(node.span(), message, help);
                return None;
            }
        },
    };
    let found = find(kind, name);
    if found.is_none() {
        let known = names(kind);
        let help = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| {
            if known.is_empty() {
                format!("no {kind} is linked into this program")
            } else {
                format!("the {kind}s are {}", list(&known))
            }
        });
        diagnostics.error_with(span, format!("unknown {kind} `{name}`"), help);
    }
    found
}

/// Reads a table that names a plugin. `extras` is the schema of keys that the table may have
/// besides the plugin's own.
pub(crate) fn resolve(
    kind: Kind,
    node: &Node<'_>,
    default: Option<&str>,
    extras: Option<&Value>,
    diagnostics: &mut Diagnostics,
) -> Option<PluginSpec> {
    let DeValue::Table(table) = node.get_ref() else { return None };
    let plugin = named(kind, node, default, diagnostics)?;
    let own = (plugin.schema)().to_value();
    // A table that several methods share is read for each of them: its own findings count, though
    // they may be known already.
    let mut findings = Diagnostics::default();

    let mut own_fields = table.clone();
    own_fields.remove(NAME);
    let with_extras = with_properties(&own, extras);
    Shape::of_plugin(&with_extras, plugin.about.name)
        .check_table(&spanned(node, own_fields.clone()), &mut findings);
    for key in properties(extras.unwrap_or(&Value::Null)).keys() {
        own_fields.remove(key.as_str());
    }

    let choices = choices(&own);
    let mut chosen = Vec::new();
    for (key, kind) in &choices {
        if let Some(written) = table.get(key.as_str()) {
            chosen.push((key, resolve(*kind, written, None, None, &mut findings)));
        }
    }
    let usable = findings.errors() == 0;
    diagnostics.extend(findings);
    if !usable {
        return None;
    }

    let own_fields = spanned(node, own_fields);
    let mut config = match (plugin.resolve)(own_fields.clone()) {
        Ok(config) => config,
        Err(problem) => {
            let field = problem.field.as_deref();
            let span = problem
                .span
                .or_else(|| field.and_then(|field| place_of(&own_fields, field)))
                .unwrap_or_else(|| node.span());
            let message = match field {
                // Many messages begin with the field's name themselves.
                Some(field) if !problem.message.starts_with(&format!("`{field}`")) => {
                    format!("`{field}` of `{}`: {}", plugin.about.name, problem.message)
                }
                _ => format!("`{}`: {}", plugin.about.name, problem.message),
            };
            diagnostics.error(span, message);
            return None;
        }
    };
    for (key, spec) in chosen {
        config[key.as_str()] = flat(&spec?);
    }
    for (key, kind) in &choices {
        if table.get(key.as_str()).is_none() && config[key.as_str()].is_object() {
            let default = config[key.as_str()].take();
            config[key.as_str()] = complete(*kind, default, &node.span(), diagnostics)?;
        }
    }
    Some(PluginSpec { name: plugin.about.name.to_owned(), config })
}

/// The default configuration of a plugin, plugins that it names by default completed too.
pub fn default_config(plugin: &Plugin) -> Result<Value, Diagnostics> {
    let name = plugin.about.name.to_owned();
    let spec = PluginSpec { name, config: Value::Object(Map::new()) };
    checked_again(plugin.kind(), &spec).map(|complete| complete.config)
}

/// A plugin with a configuration that was written down earlier, maybe by another version, read
/// again as a file is.
///
/// # Errors
/// If there is no such plugin, or the configuration is not one of it.
pub fn checked_again(kind: Kind, spec: &PluginSpec) -> Result<PluginSpec, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    match complete(kind, flat(spec), &(0..0), &mut diagnostics) {
        Some(Value::Object(mut config)) if diagnostics.is_empty() => {
            config.shift_remove(NAME);
            Ok(PluginSpec { name: spec.name.clone(), config: Value::Object(config) })
        }
        _ => Err(diagnostics),
    }
}

/// Completes a choice that no text stands for: a configuration's default. What is wrong with it
/// is told of `span`, the table that left the choice to the default.
fn complete(
    kind: Kind,
    choice: Value,
    span: &Range<usize>,
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    let mut text = String::new();
    let written = without_nulls(choice)
        .serialize(toml::ser::ValueSerializer::new(&mut text))
        .map(|_| ())
        .map_err(|error| error.to_string());
    let parsed =
        written.and_then(|()| DeValue::parse(&text).map_err(|error| error.message().to_owned()));
    match parsed {
        Ok(node) => {
            let mut own = Diagnostics::default();
            let spec = resolve(kind, &node, None, None, &mut own);
            diagnostics.adopt(own, span);
            spec.as_ref().map(flat)
        }
        Err(error) => {
            diagnostics.error(span.clone(), format!("the default {kind} cannot be used: {error}"));
            None
        }
    }
}

/// The form in which a choice is written: its name beside its fields.
fn flat(spec: &PluginSpec) -> Value {
    let mut table = Map::from_iter([(NAME.to_owned(), Value::from(spec.name.clone()))]);
    if let Value::Object(fields) = &spec.config {
        table.extend(fields.clone());
    }
    Value::Object(table)
}

/// Absent optional fields are `null` in JSON and not there in TOML.
pub(crate) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, without_nulls(value)))
                .collect(),
        ),
        Value::Array(values) => Value::Array(values.into_iter().map(without_nulls).collect()),
        value => value,
    }
}

/// Fields of a configuration that name another plugin.
fn choices(schema: &Value) -> Vec<(String, Kind)> {
    properties(schema)
        .iter()
        .filter_map(|(key, property)| Some((key.clone(), choice_of(schema, property)?)))
        .collect()
}

/// The kind of plugin that a value of this schema names, if it does.
pub(crate) fn choice_of(root: &Value, schema: &Value) -> Option<Kind> {
    let schema = resolve_reference(root, schema);
    let kind = schema
        .get(PLUGIN_KIND)
        .or_else(|| variants(root, schema).into_iter().find_map(|one| one.get(PLUGIN_KIND)))?;
    kind.as_str().and_then(Kind::named)
}

/// The properties of a table's schema.
pub(crate) fn properties(schema: &Value) -> Map<String, Value> {
    schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// A plugin's schema with the extra keys of the table that names it.
pub(crate) fn with_properties(schema: &Value, extras: Option<&Value>) -> Value {
    let mut schema = schema.clone();
    if let (Some(extras), Value::Object(fields)) = (extras, &mut schema) {
        let mut all = properties(extras);
        all.extend(properties(&Value::Object(fields.clone())));
        fields.insert("properties".to_owned(), Value::Object(all));
        fields.entry("additionalProperties").or_insert(Value::Bool(false));
    }
    schema
}

fn names(kind: Kind) -> Vec<&'static str> {
    plugins(kind).into_iter().map(|plugin| plugin.about.name).collect()
}

fn spanned<'i>(node: &Node<'i>, table: DeTable<'i>) -> Node<'i> {
    Spanned::new(node.span(), DeValue::Table(table))
}
