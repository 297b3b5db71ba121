//! What a plugin's configuration looks like, in words: for `explain` and the reference page.

use serde_json::{Value, json};

use crate::plugin::{choice_of, default_config, without_nulls};
use crate::raw::{align_extras, extractor_extras, file_schema};
use crate::schema::{resolve, variants};
use crate::wording::{describe, range};
use isthmus_core::registry::{Kind, Plugin};

/// The key of an entry of `align` that weighs a term.
const WEIGHT: &str = "weight";

/// One field of a configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The kind of value: `a number`, `` `quadratic` or `linear` ``.
    pub type_name: String,
    /// Its range, where it has one: `>= 0`.
    pub range: Option<String>,
    /// Its default as TOML; absent where the field can be left out without having a value.
    pub default: Option<String>,
    /// What it means.
    pub description: String,
    /// What its named values mean, where that is documented; of a table within the table, its
    /// fields.
    pub parts: Vec<(String, String)>,
    /// The kind of plugin that it names, where it names one.
    pub names: Option<Kind>,
}

/// What a plugin's configuration says of itself.
pub fn description(plugin: &Plugin) -> String {
    let schema = (plugin.schema)().to_value();
    one_paragraph(schema.get("description"))
}

/// The fields of a plugin's configuration, in the order in which they are declared.
pub fn fields(plugin: &Plugin) -> Vec<Field> {
    let schema = (plugin.schema)().to_value();
    let defaults = (plugin.defaults)();
    let mut fields = fields_of(&schema, &schema, |name| defaults.get(name).cloned());
    if plugin.is_term() {
        fields.insert(0, weight_of(plugin));
    }
    fields
}

/// The weight that an entry of `align` gives a term.
fn weight_of(plugin: &Plugin) -> Field {
    let extras = align_extras();
    let default = |_: &str| Some(json!(plugin.weight));
    let weight = fields_of(&extras, &extras, default).into_iter().find(|it| it.name == WEIGHT);
    let mut weight = weight.expect("an entry of `align` can have a weight");
    weight.type_name = "a number".to_owned();
    weight.description = "Factor of the term in the loss.".to_owned();
    weight
}

/// A table of experiment files.
#[derive(Clone, Debug, PartialEq)]
pub struct FileTable {
    /// Where it stands: `[data]`.
    pub heading: String,
    /// What it is.
    pub description: String,
    /// Its keys.
    pub keys: Vec<Field>,
}

/// The tables of experiment files, plugins' own left out.
pub fn file_tables() -> Vec<FileTable> {
    const TABLES: [(&str, &str); 13] = [
        ("Data", "[data]"),
        ("Transform", "[data.transform]"),
        ("LogMel", "[data.transform.log_mel]"),
        ("Views", "[data.views]"),
        ("Training", "[training]"),
        ("LearningRateFactors", "[training.learning_rate_factors]"),
        ("ParameterGroup", "[[training.groups]]"),
        ("Method", "[methods.LABEL]"),
        ("Stage", "[[methods.LABEL.stages]]"),
        ("Selection", "[selection]"),
        ("Record", "[record]"),
        ("Sweep", "[sweep]"),
        ("Halving", "[sweep.halving]"),
    ];
    let root = file_schema();
    let table = |heading: &str, schema: &Value| {
        let mut keys = fields_of(&root, schema, |name| {
            schema.pointer(&format!("/properties/{name}/default")).cloned()
        });
        // Tables within have sections of their own.
        for key in keys.iter_mut().filter(|key| key.type_name == "a table") {
            key.parts.clear();
        }
        FileTable {
            heading: heading.to_owned(),
            description: one_paragraph(schema.get("description")),
            keys,
        }
    };
    let extras = |heading: &str, description: &str, schema: &Value| FileTable {
        heading: heading.to_owned(),
        description: description.to_owned(),
        keys: fields_of(schema, schema, |name| {
            schema.pointer(&format!("/properties/{name}/default")).cloned()
        }),
    };
    let mut tables = vec![table("the top level", &root)];
    for (name, heading) in TABLES {
        if let Some(schema) = root.pointer(&format!("/$defs/{name}")) {
            tables.push(table(heading, schema));
        }
    }
    let beside = "Besides `name` and the fields of the plugin that it names:";
    tables.push(extras("[extractor]", beside, &extractor_extras()));
    tables.push(extras("[[methods.LABEL.align]]", beside, &align_extras()));
    tables
}

fn fields_of(root: &Value, table: &Value, default: impl Fn(&str) -> Option<Value>) -> Vec<Field> {
    let properties = table.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, property)| Field {
            name: name.clone(),
            type_name: describe(root, property),
            range: range(root, property),
            // A choice that a plugin names by default is an empty table elsewhere.
            default: default(name).filter(|value| value != &json!({})).as_ref().and_then(toml_text),
            description: one_paragraph(
                property.get("description").or_else(|| resolve(root, property).get("description")),
            ),
            parts: parts_of(root, property),
            names: choice_of(root, property),
        })
        .collect()
}

/// A configuration with every default, as lines `key = value`; fields without a value are left
/// out. It parses as the plugin's table.
pub fn example(plugin: &Plugin) -> Vec<String> {
    // A plugin whose defaults cannot be completed here (it names one that is not linked) is
    // shown with its own.
    let config = default_config(plugin).unwrap_or_else(|_| (plugin.defaults)());
    let mut lines = vec![format!("name = \"{}\"", plugin.about.name)];
    if plugin.is_term() {
        lines.push(format!("{WEIGHT} = {:?}", plugin.weight));
    }
    if let Value::Object(fields) = config {
        for (name, value) in &fields {
            if let Some(text) = toml_text(value) {
                lines.push(format!("{name} = {text}"));
            }
        }
    }
    lines
}

/// A value as TOML writes it within one line; absent for a value that is absent.
fn toml_text(value: &Value) -> Option<String> {
    use serde::Serialize;
    if value.is_null() {
        return None;
    }
    let mut text = String::new();
    without_nulls(value.clone()).serialize(toml::ser::ValueSerializer::new(&mut text)).ok()?;
    Some(text)
}

/// The named values of a field, or the fields of a table within the table.
fn parts_of(root: &Value, property: &Value) -> Vec<(String, String)> {
    let schema = resolve(root, property);
    let variants = variants(root, schema);
    match variants.as_slice() {
        [] => fields_within(root, schema),
        [only] => fields_within(root, only),
        many => many.iter().filter_map(|one| documented_value(one)).collect(),
    }
}

fn documented_value(variant: &Value) -> Option<(String, String)> {
    let required = variant.get("required").and_then(Value::as_array).map(Vec::as_slice);
    let name = match (variant.get("const").and_then(Value::as_str), required) {
        (Some(name), _) => name.to_owned(),
        (None, Some([key])) => format!("{{ {} = ... }}", key.as_str()?),
        _ => return None,
    };
    let meaning = one_paragraph(variant.get("description"));
    (!meaning.is_empty()).then_some((name, meaning))
}

fn fields_within(root: &Value, schema: &Value) -> Vec<(String, String)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let mut text = describe(root, property);
            if let Some(range) = range(root, property) {
                text.push_str(&format!(" {range}"));
            }
            (name.clone(), format!("{text}. {}", one_paragraph(property.get("description"))))
        })
        .collect()
}

/// Doc comments are wrapped where the source is.
fn one_paragraph(text: Option<&Value>) -> String {
    let text = text.and_then(Value::as_str).unwrap_or_default();
    text.split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join("\n\n")
}
