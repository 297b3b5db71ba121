//! Tasks: which domains are learned from, and which one, or which stream of them, is adapted to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plugin::PluginSpec;
use crate::corruption::Severity;

/// Source domains and the target: a domain, or a stream of several.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Task {
    /// Names of the labelled domains.
    pub sources: Vec<String>,
    /// Name of the unlabelled domain, or of the stream.
    pub target: String,
    /// The domains of the stream, in order; empty where the target is one domain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shifts: Vec<Shift>,
}

impl Task {
    /// A task whose target is one domain.
    pub fn new<S: Into<String>>(
        sources: impl IntoIterator<Item = S>,
        target: impl Into<String>,
    ) -> Self {
        let sources = sources.into_iter().map(Into::into).collect();
        Self { sources, target: target.into(), shifts: Vec::new() }
    }

    /// Names of the domains that make up the target, in order: the target itself, or the shifts of
    /// its stream.
    pub fn targets(&self) -> Vec<String> {
        match self.shifts.as_slice() {
            [] => vec![self.target.clone()],
            shifts => shifts.iter().map(Shift::name).collect(),
        }
    }

    /// Names of the data set's domains that the target is made of, in order, with repetitions.
    pub fn target_domains(&self) -> Vec<&str> {
        match self.shifts.as_slice() {
            [] => vec![&self.target],
            shifts => shifts.iter().map(|shift| shift.domain.as_str()).collect(),
        }
    }
}

impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} -> {}", self.sources.join(" + "), self.target)
    }
}

/// One domain of a stream: a domain of the data set as it is, or its samples corrupted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shift {
    /// Name of the data set's domain.
    pub domain: String,
    /// What is done to its samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corruption: Option<CorruptionSpec>,
}

impl Shift {
    /// Its name, unique in its stream: `usps`, `mnist/gaussian-noise-3`.
    pub fn name(&self) -> String {
        match &self.corruption {
            None => self.domain.clone(),
            Some(CorruptionSpec { plugin, severity }) => {
                format!("{}/{}-{severity}", self.domain, plugin.name)
            }
        }
    }

    /// What tables call it at any severity: the corruption, or the domain that is as it is.
    pub fn kind(&self) -> &str {
        self.corruption.as_ref().map_or(&self.domain, |corruption| &corruption.plugin.name)
    }

    /// How strong the corruption is, where there is one.
    pub fn severity(&self) -> Option<Severity> {
        self.corruption.as_ref().map(|corruption| corruption.severity)
    }
}

/// A corruption and how strong it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CorruptionSpec {
    /// The corruption.
    pub plugin: PluginSpec,
    /// How strong it is.
    pub severity: Severity,
}

/// In which order a test-time method is shown the samples of each target domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StreamOrder {
    /// In an order drawn by the seed.
    #[default]
    Shuffled,
    /// As the data set has them.
    Natural,
    /// Class after class, in an order drawn by the seed within each: a stress test, since each
    /// batch then holds few classes. It takes the target's labels, for the order alone.
    ByLabel,
}

impl StreamOrder {
    /// Whether it is the usual one.
    pub fn is_shuffled(&self) -> bool {
        *self == Self::Shuffled
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn noise(level: u8) -> Shift {
        let plugin = PluginSpec { name: "noise".to_owned(), config: json!({}) };
        let severity = Severity::try_from(level).unwrap();
        Shift { domain: "b".to_owned(), corruption: Some(CorruptionSpec { plugin, severity }) }
    }

    #[test]
    fn a_task_with_one_target_is_written_as_before() {
        let task = Task::new(["a"], "b");
        let text = serde_json::to_string(&task).unwrap();
        assert_eq!(text, r#"{"sources":["a"],"target":"b"}"#);
        assert_eq!(serde_json::from_str::<Task>(&text).unwrap(), task);
        assert_eq!((task.targets(), task.target_domains()), (vec!["b".to_owned()], vec!["b"]));
    }

    #[test]
    fn the_domains_of_a_stream_are_named_by_what_they_are() {
        let plain = Shift { domain: "c".to_owned(), corruption: None };
        let task = Task { shifts: vec![noise(3), plain], ..Task::new(["a"], "storm") };
        assert_eq!(task.to_string(), "a -> storm");
        assert_eq!(task.targets(), ["b/noise-3", "c"]);
        assert_eq!(task.target_domains(), ["b", "c"]);
        let facts: Vec<_> = task.shifts.iter().map(|it| (it.kind(), it.severity())).collect();
        assert_eq!(facts, [("noise", Some(Severity::ALL[2])), ("c", None)]);
        let text = serde_json::to_string(&task).unwrap();
        assert_eq!(serde_json::from_str::<Task>(&text).unwrap(), task);
    }
}
