//! A classifier of domains on features, source or target, and the density ratio that it gives.

use isthmus_core::random::Key;

use crate::error::LinearError;
use crate::logistic::{Labelled, Logistic};
use crate::rows::{Rows, error_rate};
use crate::subset::split;

/// Share of each domain's rows that classifiers are fitted to; the rest chooses between them.
const FITTED_SHARE: f64 = 0.8;
const SOURCE: usize = 0;
const TARGET: usize = 1;

/// A logistic classifier that tells source features from target features.
///
/// Where several strengths of regularisation are given, 80 % of each domain's rows are fitted to
/// and the strength of the smallest cross-entropy on the other rows is taken; the largest of
/// equals. With one strength all rows are fitted to.
#[derive(Clone, Debug)]
pub struct DomainClassifier {
    classifier: Logistic,
    /// Source rows that were fitted to.
    source_rows: usize,
    /// Target rows that were fitted to.
    target_rows: usize,
}

impl DomainClassifier {
    /// Fits the classifier.
    ///
    /// # Errors
    /// If a domain has no rows, or one row where rows have to be held out, or features of another
    /// number, or if the fit does not converge.
    ///
    /// # Panics
    /// If there is no strength, or one that is not above 0.
    pub fn fit(
        source: &Rows,
        target: &Rows,
        regularization: &[f64],
        key: &Key,
    ) -> Result<Self, LinearError> {
        if source.columns() != target.columns() {
            return Err(LinearError::Columns {
                source_columns: source.columns(),
                target_columns: target.columns(),
            });
        }
        let mut strengths = regularization.to_vec();
        strengths.sort_by(|a, b| b.total_cmp(a));
        let needed = if strengths.len() == 1 { 1 } else { 2 };
        for (rows, domain) in [(source, "source"), (target, "target")] {
            if rows.count() < needed {
                return Err(LinearError::TooFewSamples { domain, needed, found: rows.count() });
            }
        }
        if let [strength] = strengths.as_slice() {
            let (features, labels) = joint(source, target);
            return Self::new(&features, &labels, *strength, None);
        }
        let parts = |rows: &Rows, domain| {
            let (fitted, held_out) = split(rows.count(), FITTED_SHARE, &key.named(domain));
            (rows.select(&fitted), rows.select(&held_out))
        };
        let (source_fitted, source_held_out) = parts(source, "source");
        let (target_fitted, target_held_out) = parts(target, "target");
        let (fitted, fitted_labels) = joint(&source_fitted, &target_fitted);
        let (held_out, held_out_labels) = joint(&source_held_out, &target_held_out);
        let mut best: Option<(f64, Self)> = None;
        let mut last: Option<Self> = None;
        // From the strongest on: each fit starts where a smoother one ended.
        for strength in strengths {
            let start = last.as_ref().map(|last| &last.classifier);
            let one = Self::new(&fitted, &fitted_labels, strength, start)?;
            let loss = cross_entropy(&one.classifier, &held_out, &held_out_labels);
            if best.as_ref().is_none_or(|(smallest, _)| loss < *smallest) {
                best = Some((loss, one.clone()));
            }
            last = Some(one);
        }
        best.map(|(_, classifier)| classifier).ok_or_else(|| {
            LinearError::NotConverged(
                "no domain classifier has a finite loss on held-out samples".to_owned(),
            )
        })
    }

    fn new(
        features: &Rows,
        labels: &[usize],
        strength: f64,
        start: Option<&Logistic>,
    ) -> Result<Self, LinearError> {
        let classifier =
            Logistic::fit_from(Labelled { features, labels, weights: None }, strength, start)?;
        let source_rows = labels.iter().filter(|label| **label == SOURCE).count();
        Ok(Self { classifier, source_rows, target_rows: labels.len() - source_rows })
    }

    /// The density ratio `p_target(x) / p_source(x)` of each row, see [`density_ratios`]; infinite
    /// where a row is of the target without a doubt.
    ///
    /// # Panics
    /// If there are not as many features as were fitted to.
    pub fn density_ratios(&self, features: &Rows) -> Vec<f64> {
        density_ratios(&self.source_probabilities(features), self.source_rows, self.target_rows)
    }

    /// The probability that each row is of the source.
    ///
    /// # Panics
    /// If there are not as many features as were fitted to.
    pub fn source_probabilities(&self, features: &Rows) -> Vec<f64> {
        let log_probabilities = self.classifier.log_probabilities(features);
        log_probabilities.iter().map(|row| row[SOURCE].exp()).collect()
    }

    /// The mean of the two domains' shares of rows that are taken for the other domain.
    ///
    /// # Panics
    /// If there are not as many features as were fitted to.
    pub fn error(&self, source: &Rows, target: &Rows) -> f64 {
        let wrong = |rows: &Rows, label: usize| {
            error_rate(&self.classifier.predict(rows), &vec![label; rows.count()])
        };
        (wrong(source, SOURCE) + wrong(target, TARGET)) / 2.0
    }
}

/// `w = (N_s / N_t) (1 - D) / D` for each probability `D` of the source, given by a classifier
/// that was fitted to `source_rows` source and `target_rows` target samples: by Bayes' rule the
/// ratio of the target's density to the source's. Bickel, Brückner, Scheffer, ICML 2007.
pub fn density_ratios(
    source_probabilities: &[f64],
    source_rows: usize,
    target_rows: usize,
) -> Vec<f64> {
    let ratio = source_rows as f64 / target_rows as f64;
    source_probabilities.iter().map(|d| ratio * (1.0 - d) / d).collect()
}

fn joint(source: &Rows, target: &Rows) -> (Rows, Vec<usize>) {
    let mut labels = vec![SOURCE; source.count()];
    labels.resize(source.count() + target.count(), TARGET);
    (source.above(target), labels)
}

fn cross_entropy(classifier: &Logistic, features: &Rows, labels: &[usize]) -> f64 {
    let log_probabilities = classifier.log_probabilities(features);
    let sum: f64 = log_probabilities.iter().zip(labels).map(|(row, label)| -row[*label]).sum();
    sum / labels.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{normal, shifted};

    const STRENGTHS: [f64; 4] = [1e-3, 1e-2, 1e-1, 1.0];

    #[test]
    fn even_odds_weigh_by_the_numbers_of_samples() {
        assert_eq!(density_ratios(&[0.5, 0.25, 1.0], 60, 30), [2.0, 6.0, 0.0]);
    }

    #[test]
    fn probabilities_approach_those_of_two_gaussians() {
        // Unit variance, means 0 and 1: the logarithm of the odds is 1/2 - x.
        let source = normal(4000, 1, &Key::new(1));
        let target = shifted(&normal(4000, 1, &Key::new(2)), 1.0);
        let fitted = DomainClassifier::fit(&source, &target, &STRENGTHS, &Key::new(3)).unwrap();
        assert_eq!((fitted.source_rows, fitted.target_rows), (3200, 3200));
        let at = [-1.0, 0.0, 0.5, 1.0];
        let found = fitted.source_probabilities(&Rows::new(1, at.to_vec()));
        for (x, found) in at.iter().zip(found) {
            let truth = 1.0 / (1.0 + (x - 0.5).exp());
            assert!((found - truth).abs() < 0.04, "{found} at {x}, expected {truth}");
        }
        // The ratio of the densities is exp(x - 1/2).
        let found = fitted.density_ratios(&Rows::new(1, at.to_vec()));
        for (x, found) in at.iter().zip(found) {
            let truth = (x - 0.5).exp();
            assert!((found / truth - 1.0).abs() < 0.15, "{found} at {x}, expected {truth}");
        }
    }

    #[test]
    fn held_out_rows_ask_for_strong_regularisation_where_there_is_nothing_to_learn() {
        let (source, target) = (normal(30, 40, &Key::new(1)), normal(30, 40, &Key::new(2)));
        let spread = |strengths: &[f64]| {
            let fitted = DomainClassifier::fit(&source, &target, strengths, &Key::new(3)).unwrap();
            let all = fitted.source_probabilities(&normal(200, 40, &Key::new(4)));
            all.iter().map(|p| (p - 0.5).abs()).sum::<f64>() / 200.0
        };
        let (weak, chosen) = (spread(&[1e-3]), spread(&STRENGTHS));
        assert!(chosen < 0.6 * weak, "{chosen} for {weak}");
    }

    #[test]
    fn domains_far_apart_are_told_apart_and_rows_that_are_missing_are_named() {
        let source = normal(20, 3, &Key::new(1));
        let target = shifted(&normal(20, 3, &Key::new(2)), 9.0);
        let fitted = DomainClassifier::fit(&source, &target, &[0.1], &Key::new(3)).unwrap();
        assert_eq!(fitted.error(&source, &target), 0.0);
        assert_eq!(fitted.error(&target, &source), 1.0);
        let fit = |source: &Rows, target: &Rows| {
            let fitted = DomainClassifier::fit(source, target, &STRENGTHS, &Key::new(3));
            fitted.unwrap_err().to_string()
        };
        assert_eq!(
            fit(&source, &target.select(&[0])),
            "a domain classifier needs 2 target samples or more, there are 1"
        );
        assert_eq!(
            fit(&source, &normal(9, 2, &Key::new(1))),
            "source samples have 3 features, target samples 2"
        );
    }
}
