//! Proxy A-distance of the domains.

use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::registry::{About, Plugin, ValidatorPlugin};
use isthmus_core::validation::{ValidationError, ValidationView, Validator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use isthmus_core::config::FieldProblem;
use isthmus_core::random::Key;
use isthmus_linear::domain_classifier::DomainClassifier;

use crate::inputs::{TARGET, TRAINING, features, undefined};
use crate::rows::Rows;
use crate::strengths::{check_regularization, default_regularization};
use crate::subset::{at_most, split};

inventory::submit! {
    Plugin::validator::<ProxyADistance>(About {
        name: "proxy-a-distance",
        summary: "How hard it is to tell the domains apart by their features",
        paper: "Ben-David, Blitzer, Crammer, Pereira: Analysis of representations for domain \
                adaptation, NIPS 2006",
    })
}

/// Minus the proxy A-distance `d = 2 (1 - 2 e)`, with `e` the error of a logistic classifier of
/// domains on the features of samples that it was not fitted to: as many of each domain, one half
/// to fit to, the other for the error. 0 where the domains cannot be told apart, -2 where they
/// always can; above 0 by chance. Features that say nothing of the classes are the easiest to make
/// alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyADistance {
    /// Strengths of the domain classifier's regularisation to choose from, by the cross-entropy on
    /// a fifth of each domain's samples; one strength is taken as it is.
    pub regularization: Vec<f64>,
    /// So many samples of each domain at most are used, drawn by the seed.
    #[schemars(range(min = 4))]
    pub maximum_rows: usize,
}

impl Default for ProxyADistance {
    fn default() -> Self {
        Self { regularization: default_regularization(), maximum_rows: 1000 }
    }
}

impl PluginConfig for ProxyADistance {
    fn check(&self) -> Result<(), FieldProblem> {
        check_regularization(&self.regularization)
    }
}

impl ValidatorPlugin for ProxyADistance {
    fn build(&self) -> Box<dyn Validator> {
        Box::new(self.clone())
    }
}

impl Validator for ProxyADistance {
    fn score(&self, view: &ValidationView<'_>) -> Result<f64, ValidationError> {
        let source = features(&view.source_training.outputs, TRAINING)?;
        let target = features(view.target, TARGET)?;
        Ok(-estimate(&source, &target, &self.regularization, self.maximum_rows, &view.key)?)
    }

    fn needs_source_training(&self) -> bool {
        true
    }
}

/// The proxy A-distance `2 (1 - 2 e)` of a domain classifier's error; negative where the error is
/// above one half.
pub fn a_distance_of_error(error: f64) -> f64 {
    2.0 * (1.0 - 2.0 * error)
}

/// The proxy A-distance of two domains' features.
pub(crate) fn estimate(
    source: &Rows,
    target: &Rows,
    regularization: &[f64],
    maximum_rows: usize,
    key: &Key,
) -> Result<f64, ValidationError> {
    let count = source.count().min(target.count()).min(maximum_rows);
    if count < 4 {
        return Err(undefined(format!(
            "the A-distance needs 4 samples or more of each domain, there are {} and {}",
            source.count(),
            target.count()
        )));
    }
    let halves = |rows: &Rows, domain: &str| {
        let key = key.named(domain);
        let rows = rows.select(&at_most(rows.count(), count, &key.named("subset")));
        let (fitted, held_out) = split(count, 0.5, &key.named("halves"));
        (rows.select(&fitted), rows.select(&held_out))
    };
    let (source, source_held_out) = halves(source, "source");
    let (target, target_held_out) = halves(target, "target");
    let key = key.named("classifier");
    let classifier = DomainClassifier::fit(&source, &target, regularization, &key)?;
    Ok(a_distance_of_error(classifier.error(&source_held_out, &target_held_out)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use isthmus_core::validation::{LabelledOutputs, Outputs};

    use crate::testing::{Seen, matrix, normal, reason, shifted};

    fn seen(source: &Rows, target: &Rows) -> Seen {
        let features = |rows| Outputs { features: matrix(rows), ..Outputs::default() };
        Seen {
            source_training: LabelledOutputs { outputs: features(source), labels: Vec::new() },
            target: features(target),
            ..Seen::default()
        }
    }

    #[test]
    fn the_distance_of_two_gaussians_is_that_of_their_bayes_error() {
        let source = normal(900, 2, &Key::new(1));
        let validator = ProxyADistance::default();
        let score = |by: f64| {
            let target = shifted(&normal(700, 2, &Key::new(2)), by);
            seen(&source, &target).score(&validator).unwrap()
        };
        assert_eq!(score(40.0), -2.0);
        assert!(score(0.0).abs() < 0.25, "{}", score(0.0));
        // Means sqrt(2) apart: the Bayes error is Phi(-sqrt(2) / 2) = 0.2398.
        let expected = -2.0 * (1.0 - 2.0 * 0.2398);
        assert!((score(1.0) - expected).abs() < 0.15, "{} for {expected}", score(1.0));
    }

    #[test]
    fn the_formula_is_not_clamped() {
        assert_eq!(a_distance_of_error(0.75), -1.0);
    }

    #[test]
    fn too_few_samples_are_refused() {
        let few = normal(3, 2, &Key::new(1));
        let error = seen(&few, &normal(50, 2, &Key::new(2))).score(&ProxyADistance::default());
        assert_eq!(
            reason(error.unwrap_err()),
            "the A-distance needs 4 samples or more of each domain, there are 3 and 50"
        );
    }
}
