//! Importance-weighted validation.

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::registry::{About, Plugin, ValidatorPlugin};
use isthmus_core::validation::{ValidationError, ValidationView, Validator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use isthmus_core::config::FieldProblem;

use crate::importance::{Weighting, importance_weighted_risk, self_normalised_risk};
use crate::inputs::{finite, source_losses, undefined};
use crate::strengths::{check_regularization, default_regularization};

inventory::submit! {
    Plugin::validator::<Iwv>(About {
        name: "iwv",
        summary: "Source risk weighted by how likely the samples are on the target, negated",
        paper: "Sugiyama, Krauledat, Müller: Covariate shift adaptation by importance weighted \
                cross validation, JMLR 2007",
    })
}

/// Minus the mean of `w l` over held-out source samples, with `l` the cross-entropy in nats and
/// `w(x) = (N_s / N_t) (1 - D(x)) / D(x)` the density ratio of target to source that a logistic
/// classifier of domains on features gives: `D(x)` is the probability of the source, `N_s` and
/// `N_t` are the numbers of source training and target samples it was fitted to. An estimate of the
/// target risk where labels depend on features alike in both domains and the source covers the
/// target. At most 0. Where the domains do not overlap, all weights are near 0 and so is the score,
/// which is the best there can be: such a score says nothing. `self_normalised` avoids this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Iwv {
    /// Divides by the sum of the weights instead of by the number of samples: less variance for
    /// some bias.
    pub self_normalised: bool,
    /// Weights above this many times the square root of the number of held-out samples are cut
    /// down to it (Ionides 2008): where the domains hardly overlap, a single sample would decide
    /// otherwise. 0 cuts none.
    #[schemars(range(min = 0.0))]
    pub truncation: f64,
    /// Strengths of the domain classifier's regularisation to choose from, by the cross-entropy on
    /// a fifth of each domain's samples; one strength is taken as it is.
    pub regularization: Vec<f64>,
    /// The domain classifier is fitted to so many samples of each domain at most, drawn by the
    /// seed.
    #[schemars(range(min = 2))]
    pub maximum_rows: usize,
}

impl Default for Iwv {
    fn default() -> Self {
        Self {
            self_normalised: false,
            truncation: 1.0,
            regularization: default_regularization(),
            maximum_rows: 2000,
        }
    }
}

impl PluginConfig for Iwv {
    fn check(&self) -> Result<(), FieldProblem> {
        check_regularization(&self.regularization)
    }
}

impl ValidatorPlugin for Iwv {
    fn build(&self) -> Box<dyn Validator> {
        Box::new(self.clone())
    }
}

impl Validator for Iwv {
    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError> {
        let weights = Weighting {
            regularization: &self.regularization,
            truncation: self.truncation,
            maximum_rows: self.maximum_rows,
        }
        .weights(view)?;
        let losses = source_losses(view)?;
        let risk = match self.self_normalised {
            false => importance_weighted_risk(&weights, &losses),
            true => self_normalised_risk(&weights, &losses)
                .ok_or_else(|| undefined("the weights of all held-out source samples are 0"))?,
        };
        Ok(-finite(risk, "importance-weighted risk")?)
    }

    fn needs_source_training(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isthmus_core::validation::LabelledOutputs;

    use crate::testing::{Seen, reason, shifted_target};

    #[test]
    fn errors_where_the_target_lies_weigh_more() {
        let source_risk = |seen: &Seen| seen.score(&crate::SourceRisk::default()).unwrap();
        let (above, below) = (shifted_target(|x| x > 0.0), shifted_target(|x| x <= 0.0));
        let iwv = |seen: &Seen| seen.score(&Iwv::default()).unwrap();
        assert!((source_risk(&above) - source_risk(&below)).abs() < 0.15);
        // The share of the target above 0 is 0.84, the losses differ by 1.
        let difference = iwv(&below) - iwv(&above);
        assert!((difference - 0.68).abs() < 0.15, "{difference}");
    }

    #[test]
    fn weights_that_add_up_to_one_give_a_mean_of_the_losses() {
        let config = Iwv { self_normalised: true, ..Iwv::default() };
        let all_wrong = shifted_target(|_| true).score(&config).unwrap();
        assert!((all_wrong + (1.0_f64 + 1.0_f64.exp()).ln()).abs() < 1e-9);
    }

    #[test]
    fn source_training_samples_are_asked_for_and_missed() {
        let mut seen = shifted_target(|x| x > 0.0);
        assert!(Iwv::default().needs_source_training());
        seen.source_training = LabelledOutputs::default();
        let error = seen.score(&Iwv::default()).unwrap_err();
        assert_eq!(reason(error), "there are no features of source training samples");
    }
}
