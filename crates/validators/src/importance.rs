//! Risks weighted by density ratios of target to source.

use isthmus_core::validation::{ValidationError, ValidationView};
use isthmus_linear::domain_classifier::DomainClassifier;

use crate::inputs::{SOURCE, TARGET, TRAINING, features, undefined};
use crate::rows::mean;
use crate::subset::at_most;

/// Variances of weights below this share of their squared mean are rounding.
const NO_VARIANCE: f64 = 1e-14;

/// `mean(w l)`.
pub fn importance_weighted_risk(weights: &[f64], losses: &[f64]) -> f64 {
    mean(&products(weights, losses))
}

/// `sum(w l) / sum(w)`; nothing where all weights are 0.
pub fn self_normalised_risk(weights: &[f64], losses: &[f64]) -> Option<f64> {
    let sum: f64 = weights.iter().sum();
    (sum > 0.0).then(|| products(weights, losses).iter().sum::<f64>() / sum)
}

/// `eta = -Cov(w l, w) / Var(w)`, the factor of the control variate; 0 where the weights do not
/// vary.
pub fn control_variate(weights: &[f64], losses: &[f64]) -> f64 {
    let weighted = products(weights, losses);
    let (mean_weighted, mean_weight) = (mean(&weighted), mean(weights));
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (weighted, weight) in weighted.iter().zip(weights) {
        covariance += (weighted - mean_weighted) * (weight - mean_weight);
        variance += (weight - mean_weight).powi(2);
    }
    let varies = variance > NO_VARIANCE * mean_weight.powi(2) * weights.len() as f64;
    if varies { -covariance / variance } else { 0.0 }
}

/// `mean(w l) + eta mean(w) - eta`, or `mean(w l)` where the weights do not vary.
pub fn deep_embedded_risk(weights: &[f64], losses: &[f64]) -> f64 {
    let eta = control_variate(weights, losses);
    importance_weighted_risk(weights, losses) + eta * (mean(weights) - 1.0)
}

/// Weights with those above `truncation sqrt(n)` cut down to it, for `n` weights whose expectation
/// is 1; 0 cuts none. Ionides, Truncated importance sampling, 2008.
pub fn truncate(weights: &mut [f64], truncation: f64) {
    if truncation > 0.0 {
        let largest = truncation * (weights.len() as f64).sqrt();
        weights.iter_mut().for_each(|weight| *weight = weight.min(largest));
    }
}

fn products(weights: &[f64], losses: &[f64]) -> Vec<f64> {
    weights.iter().zip(losses).map(|(weight, loss)| weight * loss).collect()
}

/// How the weights of held-out source samples are found.
pub(crate) struct Weighting<'a> {
    pub(crate) regularization: &'a [f64],
    pub(crate) truncation: f64,
    pub(crate) maximum_rows: usize,
}

impl Weighting<'_> {
    /// One weight for each held-out source sample.
    pub(crate) fn weights(&self, view: &ValidationView<'_>) -> Result<Vec<f64>, ValidationError> {
        let source = features(&view.source_training.outputs, TRAINING)?;
        let target = features(view.target, TARGET)?;
        let held_out = features(&view.source.outputs, SOURCE)?;
        if held_out.columns() != source.columns() {
            return Err(undefined(format!(
                "held-out source samples have {} features, source training samples {}",
                held_out.columns(),
                source.columns()
            )));
        }
        let some = |rows: &crate::Rows, domain: &str| {
            let key = view.key.named("subset").named(domain);
            rows.select(&at_most(rows.count(), self.maximum_rows, &key))
        };
        let (source, target) = (some(&source, "source"), some(&target, "target"));
        let key = view.key.named("domain-classifier");
        let classifier = DomainClassifier::fit(&source, &target, self.regularization, &key)?;
        let mut weights = classifier.density_ratios(&held_out);
        truncate(&mut weights, self.truncation);
        Ok(weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risks_of_two_samples_by_hand() {
        let (weights, losses) = ([1.0, 3.0], [2.0, 4.0]);
        assert_eq!(importance_weighted_risk(&weights, &losses), 7.0);
        assert_eq!(self_normalised_risk(&weights, &losses), Some(3.5));
        // w l = (2, 12): Cov = 10, Var = 2 with n - 1 = 1.
        assert_eq!(control_variate(&weights, &losses), -5.0);
        assert_eq!(deep_embedded_risk(&weights, &losses), 7.0 - 5.0 * 2.0 + 5.0);
    }

    #[test]
    fn weights_that_do_not_vary_have_no_control_variate() {
        for weights in [[0.7; 3], [0.0; 3], [0.7, 0.7 + 1e-16, 0.7]] {
            let losses = [1.0, 2.0, 6.0];
            assert_eq!(control_variate(&weights, &losses), 0.0);
            assert_eq!(
                deep_embedded_risk(&weights, &losses),
                importance_weighted_risk(&weights, &losses)
            );
        }
        assert_eq!(control_variate(&[2.0], &[1.0]), 0.0);
        assert_eq!(self_normalised_risk(&[0.0, 0.0], &[1.0, 2.0]), None);
    }

    #[test]
    fn weights_that_explode_are_cut() {
        let mut weights = [0.5, 1e300, f64::INFINITY, 1.0];
        truncate(&mut weights, 1.0);
        assert_eq!(weights, [0.5, 2.0, 2.0, 1.0]);
        let mut weights = [0.5, 1e300];
        truncate(&mut weights, 0.0);
        assert_eq!(weights, [0.5, 1e300]);
    }
}
