//! What a sweep makes of a file.

use isthmus_core::spec::Experiment;
use serde_json::{Map, Value};

use super::halving::Halving;

/// The variants of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// The variants. Two may ask for the same run, where a setting does not concern a method.
    pub variants: Vec<Variant>,
    /// How settings are stopped before their time; absent: all are run to the end.
    pub halving: Option<Halving>,
}

/// An experiment with some values set.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Labels of the methods that are run with these values. The experiment has all of the file's
    /// methods; what is set below the label of another is left as the file has it.
    pub methods: Vec<String>,
    /// The values by dotted key, in the order of the keys.
    pub settings: Map<String, Value>,
    /// The experiment with these values.
    pub experiment: Experiment,
}
