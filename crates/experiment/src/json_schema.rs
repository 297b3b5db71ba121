//! The JSON schema of experiment files, for editors that complete and check them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::plugin::{NAME, with_properties};
use crate::raw::{PLUGIN_EXTRAS, PLUGIN_NAME_OPTIONAL, file_schema};
use crate::schema::PLUGIN_KIND;
use isthmus_core::registry::{Kind, Plugin, plugins};

/// The schema of an experiment file, with every plugin that is linked into the program.
pub fn json_schema() -> Value {
    let mut builder = Builder::default();
    let mut schema = file_schema();
    let own = builder.take_definitions(&mut schema, "");
    for (name, definition) in own {
        let definition = builder.expanded(definition);
        builder.definitions.insert(name, definition);
    }
    let mut schema = builder.expanded(schema);
    builder.definitions.sort_keys();
    schema["$defs"] = Value::Object(builder.definitions);
    schema
}

#[derive(Default)]
struct Builder {
    definitions: Map<String, Value>,
    started: BTreeSet<String>,
}

impl Builder {
    /// Takes the definitions out of a schema; their names, and references to them, get `prefix`.
    fn take_definitions(&mut self, schema: &mut Value, prefix: &str) -> Map<String, Value> {
        let own = match schema.as_object_mut().and_then(|fields| fields.shift_remove("$defs")) {
            Some(Value::Object(own)) => own,
            _ => Map::new(),
        };
        rename(schema, prefix);
        own.into_iter()
            .map(|(name, mut definition)| {
                rename(&mut definition, prefix);
                (format!("{prefix}{name}"), definition)
            })
            .collect()
    }

    /// The schema with every table of a plugin described.
    fn expanded(&mut self, schema: Value) -> Value {
        match schema {
            Value::Object(fields) => match fields.get(PLUGIN_KIND).and_then(Value::as_str) {
                Some(kind) => self.plugin_table(kind.to_owned(), fields),
                None => Value::Object(
                    fields
                        .into_iter()
                        .filter(|(key, value)| !(key == "default" && value.is_null()))
                        .map(|(key, value)| (key, self.expanded(value)))
                        .collect(),
                ),
            },
            Value::Array(values) => {
                Value::Array(values.into_iter().map(|value| self.expanded(value)).collect())
            }
            value => value,
        }
    }

    fn plugin_table(&mut self, kind: String, mut fields: Map<String, Value>) -> Value {
        fields.shift_remove(PLUGIN_KIND);
        let extras = fields.shift_remove(PLUGIN_EXTRAS);
        let optional = fields.shift_remove(PLUGIN_NAME_OPTIONAL).is_some();
        // A default is the name of a plugin with nothing stated, which says less than its schema.
        fields.shift_remove("default");
        let kind = Kind::named(&kind);
        let tables: Vec<Value> = kind
            .into_iter()
            .flat_map(plugins)
            .map(|plugin| self.reference(plugin, extras.as_ref(), optional))
            .collect();
        // Without a name several plugins can fit.
        let fit = if optional { "anyOf" } else { "oneOf" };
        fields.insert("type".to_owned(), Value::from("object"));
        fields.insert(fit.to_owned(), Value::Array(tables));
        Value::Object(fields)
    }

    /// A reference to the definition of a plugin's table.
    fn reference(&mut self, plugin: &Plugin, extras: Option<&Value>, optional: bool) -> Value {
        let (kind, name) = (plugin.kind(), plugin.about.name);
        let form = match (extras.is_some(), optional) {
            (true, _) => "-part",
            (_, true) => "-settings",
            _ => "",
        };
        let key = format!("{kind}-{name}{form}");
        if self.started.insert(key.clone()) {
            let mut schema = (plugin.schema)().to_value();
            for (own, definition) in self.take_definitions(&mut schema, &format!("{kind}-{name}-"))
            {
                let definition = self.expanded(definition);
                self.definitions.insert(own, definition);
            }
            let schema = self.expanded(with_properties(&schema, extras));
            self.definitions.insert(key.clone(), table(plugin, schema, optional));
        }
        json!({ "$ref": format!("#/$defs/{key}") })
    }
}

/// A plugin's schema with its name as a constant.
fn table(plugin: &Plugin, schema: Value, optional: bool) -> Value {
    let Value::Object(mut fields) = schema else { return schema };
    fields.shift_remove("$schema");
    fields.insert("title".to_owned(), Value::from(plugin.about.name));
    let mut properties = Map::new();
    properties.insert(
        NAME.to_owned(),
        json!({ "const": plugin.about.name, "description": plugin.about.summary }),
    );
    if let Some(Value::Object(own)) = fields.shift_remove("properties") {
        properties.extend(own);
    }
    fields.insert("properties".to_owned(), Value::Object(properties));
    let mut required = vec![Value::from(NAME)];
    if let Some(Value::Array(own)) = fields.shift_remove("required") {
        required.extend(own);
    }
    if !optional {
        fields.insert("required".to_owned(), Value::Array(required));
    }
    Value::Object(fields)
}

fn rename(schema: &mut Value, prefix: &str) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                if key == "$ref"
                    && let Some(name) =
                        value.as_str().and_then(|text| text.strip_prefix("#/$defs/"))
                {
                    *value = Value::from(format!("#/$defs/{prefix}{name}"));
                } else {
                    rename(value, prefix);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename(value, prefix)),
        _ => {}
    }
}
