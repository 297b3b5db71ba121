//! The terms of the bound on the target error, estimated with target labels.
//!
//! Ben-David et al., A theory of learning from different domains, Machine Learning 2010, theorem
//! 2: the error on the target is at most the error on the source, plus half the divergence of the
//! domains, plus the error of the ideal joint classifier (and a term for the number of samples).
//!
//! What is computed here are estimates of these terms, and their sum is no guarantee. The theorem's
//! divergence is that of the symmetric differences of all pairs of classifiers; the proxy
//! A-distance of one family of domain classifiers, logistic ones on the features, stands for it.
//! The ideal joint classifier is the best of all; a logistic classifier on the features that was
//! fitted to some of the samples stands for it. Both are estimated from samples of limited number,
//! and the term for this number is left out.

use isthmus_core::random::Key;
use isthmus_core::validation::{LabelledOutputs, ValidationError};
use isthmus_linear::mmd::squared_mmd;

use crate::inputs::{SOURCE, TARGET, features, labels, logits, undefined};
use crate::logistic::{Labelled, Logistic};
use crate::proxy_a_distance;
use crate::rows::{Rows, error_rate};
use crate::strengths::default_regularization;
use crate::subset::{at_most, split};

/// The divergences and the joint classifier are estimated from so many samples of each domain at
/// most.
pub const MAXIMUM_ROWS: usize = 1000;
/// Strength of the joint classifier's regularisation.
const REGULARIZATION: f64 = 0.01;

/// Estimates of the terms of the bound, and the target error that it bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TheoryTerms {
    /// The model's share of errors on held-out source samples, in [0, 1].
    pub source_error: f64,
    /// The model's share of errors on target samples, in [0, 1].
    pub target_error: f64,
    /// The proxy A-distance `2 (1 - 2 e)` of the features, at most 2, with `e` the error of a
    /// logistic classifier of domains on samples that it was not fitted to; below 0 where `e` is
    /// above one half by chance.
    pub proxy_a_distance: f64,
    /// The squared maximum mean discrepancy of the features, as [`squared_mmd`] says. No part of
    /// the bound.
    pub mmd: f64,
    /// The share of errors on the source plus that on the target, in [0, 2], of a logistic
    /// classifier of the features that was fitted to one half of the labelled samples of each
    /// domain, both domains counting the same, on the other halves.
    pub joint_error: f64,
    /// `source_error + proxy_a_distance / 2 + joint_error`.
    pub bound: f64,
}

/// Estimates the terms from held-out source samples and target samples, both with labels: for the
/// report of a finished run, never for a choice. The key draws subsets and halves.
///
/// # Errors
/// If a domain has fewer than four samples, values that are not finite or labels that are not of
/// the classes, or a classifier cannot be fitted.
pub fn theory_terms(
    source: &LabelledOutputs,
    target: &LabelledOutputs,
    classes: usize,
    key: &Key,
) -> Result<TheoryTerms, ValidationError> {
    let source_domain = Domain::read(source, classes, SOURCE)?;
    let target_domain = Domain::read(target, classes, TARGET)?;
    let (source_error, target_error) = (source_domain.model_error, target_domain.model_error);
    let source = source_domain.at_most(&key.named("source"));
    let target = target_domain.at_most(&key.named("target"));
    let proxy_a_distance = proxy_a_distance::estimate(
        &source.features,
        &target.features,
        &default_regularization(),
        MAXIMUM_ROWS,
        &key.named("a-distance"),
    )?;
    let mmd = squared_mmd(&source.features, &target.features)
        .ok_or_else(|| undefined("the discrepancy needs two samples or more of each domain"))?;
    let joint_error = joint_error(&source, &target, &key.named("joint"))?;
    Ok(TheoryTerms {
        source_error,
        target_error,
        proxy_a_distance,
        mmd,
        joint_error,
        bound: source_error + proxy_a_distance / 2.0 + joint_error,
    })
}

struct Domain {
    features: Rows,
    labels: Vec<usize>,
    model_error: f64,
}

impl Domain {
    fn read(samples: &LabelledOutputs, classes: usize, of: &str) -> Result<Self, ValidationError> {
        let labels = labels(samples, classes, of)?;
        let predicted = logits(&samples.outputs, classes, of)?.largest();
        let features = features(&samples.outputs, of)?;
        Ok(Self { features, model_error: error_rate(&predicted, &labels), labels })
    }

    fn select(&self, rows: &[usize]) -> Self {
        Self {
            features: self.features.select(rows),
            labels: rows.iter().map(|&row| self.labels[row]).collect(),
            model_error: self.model_error,
        }
    }

    fn at_most(&self, key: &Key) -> Self {
        self.select(&at_most(self.labels.len(), MAXIMUM_ROWS, &key.named("subset")))
    }

    fn halves(&self, key: &Key) -> (Self, Self) {
        let (first, second) = split(self.labels.len(), 0.5, key);
        (self.select(&first), self.select(&second))
    }
}

fn joint_error(source: &Domain, target: &Domain, key: &Key) -> Result<f64, ValidationError> {
    let (source, source_rest) = source.halves(&key.named("source"));
    let (target, target_rest) = target.halves(&key.named("target"));
    let weight = |domain: &Domain| vec![0.5 / domain.labels.len() as f64; domain.labels.len()];
    let classifier = Logistic::fit(
        Labelled {
            features: &source.features.above(&target.features),
            labels: &[source.labels.as_slice(), &target.labels].concat(),
            weights: Some(&[weight(&source), weight(&target)].concat()),
        },
        REGULARIZATION,
    )?;
    let error = |domain: &Domain| error_rate(&classifier.predict(&domain.features), &domain.labels);
    Ok(error(&source_rest) + error(&target_rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{blobs, matrix, reason};
    use isthmus_core::validation::Outputs;

    /// Three classes; the features are the logits, so that the model is right about blobs that lie
    /// at their classes' places.
    fn domain(classes: &[usize], each: usize, offset: f64, seed: u64) -> LabelledOutputs {
        let (rows, labels) = blobs(classes, each, 3, 12.0, offset, &Key::new(seed));
        LabelledOutputs {
            outputs: Outputs::new(matrix(&rows), matrix(&rows)),
            labels: labels.into_iter().map(|label| label as u32).collect(),
        }
    }

    #[test]
    fn alike_domains_have_terms_near_zero() {
        let (source, target) = (domain(&[0, 1, 2], 60, 0.0, 1), domain(&[0, 1, 2], 90, 0.0, 2));
        let terms = theory_terms(&source, &target, 3, &Key::new(3)).unwrap();
        assert_eq!((terms.source_error, terms.target_error, terms.joint_error), (0.0, 0.0, 0.0));
        assert!(terms.proxy_a_distance.abs() < 0.5, "{terms:?}");
        assert!(terms.mmd.abs() < 0.05, "{terms:?}");
        assert_eq!(terms.bound, terms.proxy_a_distance / 2.0);
    }

    #[test]
    fn domains_apart_with_the_same_classes_differ_by_their_divergence_alone() {
        let (source, target) = (domain(&[0, 1, 2], 60, 0.0, 1), domain(&[0, 1, 2], 60, 30.0, 2));
        let terms = theory_terms(&source, &target, 3, &Key::new(3)).unwrap();
        assert_eq!((terms.target_error, terms.proxy_a_distance), (0.0, 2.0));
        assert!(terms.mmd > 1.0, "{terms:?}");
        assert_eq!(terms.bound, 1.0 + terms.joint_error);
        assert!(terms.joint_error < 0.05, "{terms:?}");
    }

    #[test]
    fn classes_that_contradict_each_other_have_no_joint_classifier() {
        // Alike features, but two classes exchanged: no classifier serves both domains.
        let (source, target) = (domain(&[0, 1, 2], 60, 0.0, 1), domain(&[1, 0, 2], 60, 0.0, 2));
        let terms = theory_terms(&source, &target, 3, &Key::new(3)).unwrap();
        assert_eq!(terms.source_error, 0.0);
        assert!((terms.target_error - 2.0 / 3.0).abs() < 1e-9, "{terms:?}");
        assert!((terms.joint_error - 2.0 / 3.0).abs() < 0.2, "{terms:?}");
        assert!(terms.bound > terms.joint_error - 0.3);
    }

    #[test]
    fn the_same_key_gives_the_same_terms_of_a_subset() {
        let (source, target) = (domain(&[0, 1, 2], 400, 0.0, 1), domain(&[0, 1, 2], 20, 1.0, 2));
        let terms = |seed| theory_terms(&source, &target, 3, &Key::new(seed)).unwrap();
        assert_eq!(terms(1), terms(1));
        assert_ne!(terms(1).mmd, terms(2).mmd);
    }

    #[test]
    fn few_samples_and_wrong_labels_are_refused() {
        let target = domain(&[0, 1, 2], 10, 0.0, 1);
        let fail = |source: &LabelledOutputs| {
            reason(theory_terms(source, &target, 3, &Key::new(1)).unwrap_err())
        };
        assert!(fail(&domain(&[0, 1, 2], 1, 0.0, 1)).starts_with("the A-distance needs 4"));
        let mut wrong = domain(&[0, 1, 2], 10, 0.0, 1);
        wrong.labels[4] = 3;
        assert_eq!(fail(&wrong), "held-out source sample 4 has label 3 of 3 classes");
    }
}
