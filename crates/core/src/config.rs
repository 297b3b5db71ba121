//! Configuration of plugins: one documented struct a plugin.
//!
//! The struct's doc comments are the users' documentation, its `Default` the defaults, its
//! schema the ranges. `explain`, the JSON schema for editors and the checks come from it alone.

use std::marker::PhantomData;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use crate::registry::PluginKind;
pub use crate::registry::{
    AugmentationKind, BottleneckKind, ClassifierKind, CorruptionKind, DiscriminatorKind,
    ExtractorKind, FeatureTransformKind, LauncherKind, MethodKind, ObjectiveKind, OptimizerKind,
    ReaderKind, ScheduleKind, ShallowClassifierKind, TrackerKind, ValidatorKind,
};

/// A configuration struct. Derive `Serialize`, `Deserialize`, `JsonSchema` and put
/// `#[serde(default, deny_unknown_fields)]` on it; state ranges as
/// `#[schemars(range(min = 0.0))]`, which the checker enforces.
pub trait PluginConfig: Serialize + DeserializeOwned + JsonSchema + Default + 'static {
    /// Checks what a range of one field cannot say.
    ///
    /// # Errors
    /// Names the field at fault, what was found and what was expected.
    fn check(&self) -> Result<(), FieldProblem> {
        Ok(())
    }
}

/// A field whose value cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// Name of the field.
    pub field: String,
    /// What was found and what was expected.
    pub message: String,
}

/// Why a table is not the configuration of its plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The field at fault, where it is known.
    pub field: Option<String>,
    /// Bytes of the file at fault, where they are known.
    pub span: Option<Range<usize>>,
    /// What was found and what was expected.
    pub message: String,
}

/// Reads a table as `C`, checks it, and returns it with every default filled in.
///
/// # Errors
/// If a field is unknown, has the wrong type or fails [`PluginConfig::check`].
pub fn resolve<C: PluginConfig>(table: Spanned<DeValue<'_>>) -> Result<Value, ConfigProblem> {
    let config = C::deserialize(ValueDeserializer::from(table)).map_err(|error| ConfigProblem {
        field: None,
        span: error.span(),
        message: error.message().to_owned(),
    })?;
    config.check().map_err(|problem| ConfigProblem {
        field: Some(problem.field),
        span: None,
        message: problem.message,
    })?;
    Ok(to_value(&config))
}

/// The resolved value of a configuration.
pub fn to_value<C: PluginConfig>(config: &C) -> Value {
    serde_json::to_value(config).expect("a configuration is a table of plain values")
}

/// The configuration of a value that [`resolve`] returned.
///
/// # Panics
/// If the value was not resolved with the same type.
pub fn from_value<C: PluginConfig>(value: &Value) -> C {
    serde_json::from_value(value.clone()).expect("the value was resolved with this type")
}

/// Another plugin with its configuration, as a field of a configuration:
/// `discriminator = { name = "mlp", hidden = [1024, 1024] }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice<K> {
    /// Name of the plugin.
    pub name: String,
    /// Its configuration; defaults fill in what is absent.
    pub config: Value,
    kind: PhantomData<K>,
}

impl<K: PluginKind> Choice<K> {
    /// The plugin `name` with its default configuration.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), config: Value::Object(Map::new()), kind: PhantomData }
    }
}

impl<K> Serialize for Choice<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = Map::new();
        table.insert("name".to_owned(), Value::String(self.name.clone()));
        if let Value::Object(fields) = &self.config {
            table.extend(fields.clone());
        }
        table.serialize(serializer)
    }
}

impl<'de, K> Deserialize<'de> for Choice<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = Map::<String, Value>::deserialize(deserializer)?;
        match table.shift_remove("name") {
            Some(Value::String(name)) => {
                Ok(Self { name, config: Value::Object(table), kind: PhantomData })
            }
            Some(other) => Err(D::Error::custom(format!("`name` is {other}, expected a string"))),
            None => Err(D::Error::missing_field("name")),
        }
    }
}

impl<K: PluginKind> JsonSchema for Choice<K> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}-choice", K::KIND.name()).into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "x-plugin-kind": K::KIND.name() })
    }
}
