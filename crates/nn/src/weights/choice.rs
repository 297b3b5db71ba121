//! The `weights` field of configurations.

use std::borrow::Cow;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The weights that an extractor starts from: `"imagenet"` or `"published"`, `"random"`, or the path of
/// a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Weights {
    /// The published ImageNet weights of the network.
    #[default]
    Imagenet,
    /// The published weights of a network that is not trained on ImageNet.
    Published,
    /// Random initial weights by the run's seed.
    Random,
    /// A `.pth` or `.safetensors` file of a state dict with the names of the published one.
    File(PathBuf),
}

impl From<&str> for Weights {
    fn from(text: &str) -> Self {
        match text {
            "imagenet" => Self::Imagenet,
            "published" => Self::Published,
            "random" => Self::Random,
            path => Self::File(path.into()),
        }
    }
}

impl Serialize for Weights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Imagenet => serializer.serialize_str("imagenet"),
            Self::Published => serializer.serialize_str("published"),
            Self::Random => serializer.serialize_str("random"),
            Self::File(path) => path.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Weights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(String::deserialize(deserializer)?.as_str().into())
    }
}

impl JsonSchema for Weights {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "weights".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["imagenet", "random", "weights/mine.pth"] })
    }
}
