//! What a metric means: which way it improves, how it is shown, what it is called.
//!
//! These are facts of a record: the objective of a job states them, the record keeps them, and
//! tables, charts and tests of significance read them there. Nothing is guessed from a name.

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::validation::SCORE_PREFIX;

/// A measurement of one step, by name.
pub type Measurement = (String, f64);

/// Begins the name of a metric of the target.
pub const TARGET_PREFIX: &str = "target_";
/// Begins the name of a metric of a source.
pub const SOURCE_PREFIX: &str = "source_";
/// Begins the name of a metric of source samples that were held out.
pub const SOURCE_VALIDATION_PREFIX: &str = "source_validation_";
/// Begins the name of a term of the target-error bound: an error or a distance.
pub const THEORY_PREFIX: &str = "theory/";
/// Begins the name of a metric of the target's samples that a stream has shown so far.
pub const RUNNING_PREFIX: &str = "running_";
/// The share of classes that predictions spread over; it takes no labels.
pub const EFFECTIVE_CLASSES: &str = "effective_classes";

/// Decimals of a number of which nothing is known.
const DECIMALS: u8 = 4;

/// Which way a metric improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Higher values are better.
    Higher,
    /// Lower values are better.
    Lower,
}

impl Direction {
    /// The value with its sign changed where lower is better: of the results, higher is better.
    pub fn upwards(self, value: f64) -> f64 {
        match self {
            Self::Higher => value,
            Self::Lower => -value,
        }
    }
}

/// How the values of a metric are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A share in [0, 1], shown in percent with one decimal.
    Share,
    /// A number, shown as it is.
    Plain {
        /// Decimals that are shown.
        decimals: u8,
    },
}

impl Unit {
    /// Whether values are shown in percent.
    pub fn is_percent(self) -> bool {
        self == Self::Share
    }

    /// The number that is shown: 97.5 for a share of 0.975.
    pub fn shown(self, value: f64) -> f64 {
        match self {
            Self::Share => value * 100.0,
            Self::Plain { .. } => value,
        }
    }

    /// A number that is already [`shown`](Self::shown), as text.
    pub fn text_of_shown(self, value: f64) -> String {
        let decimals = match self {
            Self::Share => 1,
            Self::Plain { decimals } => usize::from(decimals),
        };
        format!("{value:.decimals$}")
    }

    /// The value as text, without a sign for percent.
    pub fn text(self, value: f64) -> String {
        self.text_of_shown(self.shown(value))
    }

    /// What follows the metric's name in a title: ` in percent`, or nothing.
    pub fn in_words(self) -> &'static str {
        if self.is_percent() { " in percent" } else { "" }
    }
}

/// What a table needs to know of a metric.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MetricInfo {
    /// Its name without the `target_` or `source_` that records put before it, e.g. `accuracy`.
    pub name: String,
    /// Which way it improves.
    pub direction: Direction,
    /// How its values are shown.
    pub unit: Unit,
    /// The heading of a column, e.g. `accuracy`.
    pub title: String,
}

impl MetricInfo {
    /// A metric of this name, direction, unit and heading.
    pub fn new(name: &str, direction: Direction, unit: Unit, title: &str) -> Self {
        Self { name: name.to_owned(), direction, unit, title: title.to_owned() }
    }

    /// The name that records give its value on the target: `target_accuracy`.
    pub fn of_target(&self) -> String {
        format!("{TARGET_PREFIX}{}", self.name)
    }
}

/// The metrics of a record; the first one is the primary metric: tables show it, the oracle
/// chooses by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Metrics(Arc<[MetricInfo]>);

/// Shared by all records of classification, of which there may be many.
static CLASSES: LazyLock<Arc<[MetricInfo]>> = LazyLock::new(|| {
    let four = Unit::Plain { decimals: DECIMALS };
    Arc::new([
        MetricInfo::new("accuracy", Direction::Higher, Unit::Share, "accuracy"),
        MetricInfo::new("class_accuracy", Direction::Higher, Unit::Share, "mean class accuracy"),
        MetricInfo::new("loss", Direction::Lower, four, "cross-entropy"),
        MetricInfo::new("macro_f1", Direction::Higher, Unit::Share, "macro F1"),
        MetricInfo::new("auroc", Direction::Higher, Unit::Share, "AUROC"),
        MetricInfo::new("calibration_error", Direction::Lower, Unit::Share, "calibration error"),
    ])
});

impl Metrics {
    /// A primary metric and others, in this order.
    pub fn new(primary: MetricInfo, others: impl IntoIterator<Item = MetricInfo>) -> Self {
        Self::of_list([primary].into_iter().chain(others).collect())
    }

    /// Accuracy (primary), mean accuracy of the classes, cross-entropy.
    pub fn classes() -> Self {
        Self(Arc::clone(&CLASSES))
    }

    fn of_list(list: Vec<MetricInfo>) -> Self {
        if list == **CLASSES { Self::classes() } else { Self(list.into()) }
    }

    /// The primary metric.
    pub fn primary(&self) -> &MetricInfo {
        &self.0[0]
    }

    /// All of them, the primary one first.
    pub fn list(&self) -> &[MetricInfo] {
        &self.0
    }

    /// What is known of the value that a record calls `recorded`, e.g. `target_accuracy`,
    /// `source_accuracy/amazon` or `validator/entropy`. Of training losses, coefficients and
    /// names that no list holds, no direction is known.
    pub fn measure(&self, recorded: &str) -> Measure {
        let unknown = |title: &str| Measure {
            name: recorded.to_owned(),
            title: title.to_owned(),
            direction: None,
            unit: Unit::Plain { decimals: DECIMALS },
        };
        if let Some(validator) = recorded.strip_prefix(SCORE_PREFIX) {
            return Measure { direction: Some(Direction::Higher), ..unknown(validator) };
        }
        if let Some(term) = recorded.strip_prefix(THEORY_PREFIX) {
            return Measure { direction: Some(Direction::Lower), ..unknown(term) };
        }
        let prefixes = [
            (TARGET_PREFIX, ""),
            (RUNNING_PREFIX, "running "),
            (SOURCE_VALIDATION_PREFIX, "source validation "),
            (SOURCE_PREFIX, "source "),
        ];
        let Some((name, of)) =
            prefixes.iter().find_map(|(prefix, of)| Some((recorded.strip_prefix(prefix)?, of)))
        else {
            return unknown(recorded);
        };
        // Of several sources, and of the domains of a stream, each has values of its own:
        // `source_accuracy/amazon`, `target_accuracy/mnist/contrast-3`.
        let (name, domain) = match name.split_once('/') {
            Some((name, domain)) => (name, format!(", {domain}")),
            None => (name, String::new()),
        };
        if let Some(info) = self.0.iter().find(|info| info.name == name) {
            return Measure {
                name: recorded.to_owned(),
                title: format!("{of}{}{domain}", info.title),
                direction: Some(info.direction),
                unit: info.unit,
            };
        }
        if name == EFFECTIVE_CLASSES {
            return Measure { unit: Unit::Share, ..unknown("effective classes") };
        }
        unknown(recorded)
    }

    /// The primary metric on the target.
    pub fn primary_measure(&self) -> Measure {
        self.measure(&self.primary().of_target())
    }
}

impl Default for Metrics {
    /// What records held before they named their metrics: those of classes.
    fn default() -> Self {
        Self::classes()
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0[..].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<MetricInfo>::deserialize(deserializer)?;
        if list.is_empty() {
            return Err(serde::de::Error::custom(
                "a list of metrics needs at least one, the primary",
            ));
        }
        Ok(Self::of_list(list))
    }
}

/// A metric under the name that records give its values.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Measure {
    /// The name in records, e.g. `target_accuracy`.
    pub name: String,
    /// The heading of a column.
    pub title: String,
    /// Which way it improves, where that is known.
    pub direction: Option<Direction>,
    /// How its values are shown.
    pub unit: Unit,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors() -> Metrics {
        let unit = Unit::Plain { decimals: 2 };
        Metrics::new(MetricInfo::new("mae", Direction::Lower, unit, "mean absolute error"), [])
    }

    #[test]
    fn a_measure_is_found_under_the_names_of_records() {
        let metrics = Metrics::classes();
        let found = |name: &str| {
            let Measure { title, direction, unit, .. } = metrics.measure(name);
            (title, direction, unit)
        };
        let four = Unit::Plain { decimals: 4 };
        let higher = Some(Direction::Higher);
        assert_eq!(found("target_accuracy"), ("accuracy".into(), higher, Unit::Share));
        assert_eq!(
            found("source_validation_accuracy"),
            ("source validation accuracy".into(), higher, Unit::Share)
        );
        assert_eq!(
            found("source_accuracy/amazon"),
            ("source accuracy, amazon".into(), higher, Unit::Share)
        );
        assert_eq!(
            found("target_accuracy/mnist/contrast-3"),
            ("accuracy, mnist/contrast-3".into(), higher, Unit::Share)
        );
        assert_eq!(found("running_accuracy"), ("running accuracy".into(), higher, Unit::Share));
        assert_eq!(found("validator/entropy"), ("entropy".into(), higher, four));
        assert_eq!(found("theory/mmd"), ("mmd".into(), Some(Direction::Lower), four));
        assert_eq!(
            found("target_effective_classes"),
            ("effective classes".into(), None, Unit::Share)
        );
        // An adversarial loss that falls is no success: nothing is guessed from the word.
        assert_eq!(found("train/dann/loss"), ("train/dann/loss".into(), None, four));
        assert_eq!(errors().measure("target_accuracy").direction, None);
        assert_eq!(errors().primary_measure().direction, Some(Direction::Lower));
    }

    #[test]
    fn values_are_shown_in_their_unit() {
        assert_eq!(Unit::Share.text(0.9754), "97.5");
        assert_eq!(Unit::Plain { decimals: 2 }.text(0.9754), "0.98");
        assert_eq!(Direction::Lower.upwards(2.0), -2.0);
    }

    #[test]
    fn lists_read_back_and_an_empty_one_is_refused() {
        for metrics in [Metrics::classes(), errors()] {
            let text = serde_json::to_string(&metrics).unwrap();
            assert_eq!(serde_json::from_str::<Metrics>(&text).unwrap(), metrics, "{text}");
        }
        let error = serde_json::from_str::<Metrics>("[]").unwrap_err().to_string();
        assert!(error.contains("at least one"), "{error}");
        assert_eq!(Metrics::default().primary().of_target(), "target_accuracy");
    }
}
