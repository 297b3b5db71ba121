//! Which training samples a transform is fitted on.

use isthmus_core::error::DataError;
use isthmus_core::feature_transform::{FittedDomains, FittedValues, Vectors};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which training samples a transform is fitted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FittedOn {
    /// Each domain by itself: what differs in scale between domains is gone.
    EachDomain,
    /// The sources, all together; the target goes through the same.
    Sources,
    /// Sources and target together.
    All,
}

impl FittedOn {
    /// Fits to the vectors that are meant; `fit` is given those that count as one domain.
    ///
    /// # Errors
    /// Those of `fit`, and if a domain has no vectors.
    pub(crate) fn fit(
        self,
        sources: &[Vectors],
        target: &Vectors,
        fit: impl Fn(&[&Vectors]) -> Result<FittedValues, DataError>,
    ) -> Result<FittedDomains, DataError> {
        if sources.iter().chain([target]).any(|vectors| vectors.count() == 0) {
            return Err(DataError::Mismatch("a domain has no training samples".to_owned()));
        }
        let mut together: Vec<&Vectors> = sources.iter().collect();
        match self {
            Self::EachDomain => Ok(FittedDomains {
                sources: sources.iter().map(|one| fit(&[one])).collect::<Result<_, _>>()?,
                target: fit(&[target])?,
            }),
            Self::Sources => Ok(FittedDomains::alike(fit(&together)?, sources.len())),
            Self::All => {
                together.push(target);
                Ok(FittedDomains::alike(fit(&together)?, sources.len()))
            }
        }
    }
}
