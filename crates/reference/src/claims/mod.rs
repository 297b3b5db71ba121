//! What isthmus claims to compute as its peers do: one list a family.

mod adversarial;
mod closed_form;
mod losses;
mod models;
mod norm;
mod optim;
mod pixels;
mod schedules;
mod transport;
mod validators;

use crate::ReferenceError;
use crate::format::Case;
use crate::outputs::Outputs;

/// A reference file and how isthmus computes what it holds.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The folder of the file below the reference folder, such as `losses/target`.
    pub family: &'static str,
    /// The name of the file without its ending.
    pub name: &'static str,
    /// Computes every expected value and gradient of a case.
    pub run: fn(&Case) -> Result<Outputs, ReferenceError>,
}

impl Claim {
    /// The file below the reference folder, without its ending.
    pub fn file(&self) -> String {
        format!("{}/{}", self.family, self.name)
    }
}

/// The lists of all families.
const LISTS: &[&[Claim]] = &[
    adversarial::CLAIMS,
    closed_form::CLAIMS,
    losses::CLAIMS,
    models::CLAIMS,
    norm::CLAIMS,
    optim::CLAIMS,
    schedules::CLAIMS,
    transport::CLAIMS,
    validators::CLAIMS,
];

/// Every claim.
pub fn all() -> impl Iterator<Item = &'static Claim> {
    LISTS.iter().copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_file_is_claimed_twice() {
        let files: Vec<String> = all().map(Claim::file).collect();
        let distinct: BTreeSet<&String> = files.iter().collect();
        assert_eq!(files.len(), distinct.len());
    }
}
