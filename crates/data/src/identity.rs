//! What identifies data: hashes of what readers yield.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::found_classes::FoundClasses;

/// What identifies a set of samples, and its classes: what is known of it without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// A hash of its samples and labels.
    pub fingerprint: String,
    /// Its classes.
    pub classes: FoundClasses,
}

/// What identifies the content of some domains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetIdentity {
    pub(crate) name: String,
    pub(crate) classes: Vec<String>,
    /// The hashes of each domain's sets, by its name.
    pub(crate) domains: Vec<(String, Vec<String>)>,
}

impl DatasetIdentity {
    /// Identifies the content of some domains, whatever others are beside them.
    pub fn fingerprint_of<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> String {
        let classes = of_texts(self.classes.iter().map(String::as_str));
        let mut parts = vec![self.name.as_str(), classes.as_str()];
        for name in names {
            parts.push(name);
            let domain = self.domains.iter().filter(|(domain, _)| domain == name);
            parts.extend(domain.flat_map(|(_, sets)| sets).map(String::as_str));
        }
        of_texts(parts)
    }
}

/// Hashes texts so that no two lists of texts have the same bytes.
pub(crate) fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    }
    format!("{:x}", hasher.finalize())
}
