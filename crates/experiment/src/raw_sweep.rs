//! The form of `[sweep]`, before anything of it is checked.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::sweep::Competitors;

/// Settings to try. Each combination is this file with the values set, as `--set` does it, and is
/// checked as such. A setting below `methods.LABEL` concerns that method alone: the others are not
/// run again for its values. The data set, the tasks, the samples that are held out and the seeds
/// are the same in all combinations.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Sweep")]
pub(crate) struct RawSweep {
    /// Decides the draws from ranges; 1 where nothing is said.
    pub(crate) seed: Option<u64>,
    /// Number of draws, where a value is a range or a `choice`: that many for each combination of
    /// the listed values. All combinations get the same draws.
    #[schemars(range(min = 1))]
    pub(crate) count: Option<usize>,
    /// The values by dotted key, such as `training.optimizer.lr` or
    /// `methods.dann.align.0.weight`: a list, all of whose values are tried, or a range that
    /// values are drawn from.
    /// Absent: each method has the one setting of the file, for a `halving` in which methods compete.
    #[expect(dead_code, reason = "values are read where they stand")]
    pub(crate) values: Option<BTreeMap<String, RawValues>>,
    /// Stops the settings that a validator scores lowest before their time.
    #[expect(dead_code, reason = "the table is read by itself, for its places")]
    pub(crate) halving: Option<RawHalving>,
}

/// The values of one setting.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the file; values are read where they stand")]
#[schemars(rename = "Values")]
pub(crate) enum RawValues {
    /// Every value is tried.
    List(AnyList),
    /// Values are drawn.
    Random(RawRandom),
    /// The values of the keys below, where the dotted key is not written in quotes.
    Below(BTreeMap<String, RawValues>),
}

impl<'de> Deserialize<'de> for RawValues {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self::List(AnyList))
    }
}

/// What values are drawn from. Numbers are rounded to four significant digits.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the file; values are read where they stand")]
#[schemars(rename = "Random")]
pub(crate) enum RawRandom {
    /// Numbers between the least and the largest, evenly.
    Uniform([f64; 2]),
    /// Numbers whose logarithms are spread evenly between those of the least and the largest.
    LogUniform([f64; 2]),
    /// Whole numbers from the least to the largest, both included, evenly.
    Integer([i64; 2]),
    /// One of the listed values.
    Choice(AnyList),
}

/// A list of values of any type.
pub(crate) struct AnyList;

impl JsonSchema for AnyList {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "list".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "minItems": 1 })
    }
}

/// Successive halving: all settings are trained for a share of their steps, those that the
/// validator scores highest for a larger share, and so on; the last ones to the end. Settings
/// compete within a method and task, or methods with each other within a task (`compete`), by the
/// mean over the seeds of the validator's highest score in a run. A setting whose runs failed, or that the
/// validator cannot score, does not go on. Schedules are those of the full length in every round,
/// and each round trains anew. Runs of rounds before the last are recorded as those of an
/// experiment `NAME-round-1` and so on; tables and charts leave them out unless `--rounds` is
/// given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Halving")]
pub(crate) struct RawHalving {
    /// The validator, one of those in `[selection]`; they need no target labels.
    pub(crate) validator: String,
    /// What competes: the settings of each method, or all methods in all their settings.
    #[serde(default)]
    pub(crate) compete: Competitors,
    /// Labels of methods that go on to the end whatever their scores, such as a baseline; they take
    /// no place of others.
    #[serde(default)]
    pub(crate) always: Vec<String>,
    /// Share of the settings that goes on to the next round, in (0, 1), rounded up; 0.5 where
    /// nothing is said.
    #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
    pub(crate) keep: Option<f64>,
    /// For each round the share of the last stage's iterations after which it stops, in (0, 1],
    /// growing up to 1; `[0.25, 0.5, 1.0]` where nothing is said. Stages before the last are
    /// trained in full.
    #[schemars(length(min = 2))]
    pub(crate) rounds: Option<Vec<f64>>,
}
