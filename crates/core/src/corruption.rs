//! Corruptions: plugins that make another domain of a data set's samples, at five severities.

use serde::{Deserialize, Serialize};

use crate::augmentation::SampleMut;
use crate::random::Key;

/// How strong a corruption is: 1 (weak) to 5 (strong), as in ImageNet-C.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Severity(u8);

impl Severity {
    /// All severities, the weakest first.
    pub const ALL: [Self; 5] = [Self(1), Self(2), Self(3), Self(4), Self(5)];

    /// The severity's number, 1 to 5.
    pub fn level(self) -> u8 {
        self.0
    }

    /// The value that stands for this severity, of five from weak to strong.
    pub fn of<T: Copy>(self, values: [T; 5]) -> T {
        values[usize::from(self.0 - 1)]
    }
}

impl TryFrom<u8> for Severity {
    type Error = String;

    fn try_from(level: u8) -> Result<Self, Self::Error> {
        match level {
            1..=5 => Ok(Self(level)),
            _ => Err(format!("the severity is {level}, expected 1 to 5")),
        }
    }
}

impl From<Severity> for u8 {
    fn from(severity: Severity) -> Self {
        severity.0
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Makes samples of another domain of given ones: noise, blur, another contrast.
///
/// What a sample becomes depends on its values, the severity and the key alone. The key is the
/// sample's own and the same in every run, so that a corrupted data set is one data set.
pub trait Corruption: Send + Sync {
    /// Changes a sample in place. Samples of other kinds than the plugin states are left as they
    /// are; the checker refuses such a pair.
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, key: &Key);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_one_to_five() {
        let levels = Severity::ALL.map(|severity| severity.of([10, 20, 30, 40, 50]));
        assert_eq!(levels, [10, 20, 30, 40, 50]);
        assert_eq!(serde_json::to_string(&Severity::ALL).unwrap(), "[1,2,3,4,5]");
        let error = serde_json::from_str::<Severity>("6").unwrap_err().to_string();
        assert!(error.contains("expected 1 to 5"), "{error}");
        assert!(serde_json::from_str::<Severity>("0").is_err());
    }
}
