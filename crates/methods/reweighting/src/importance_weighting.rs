//! Importance weighting: the source's loss as if its samples were the target's.

use std::ops::Range;

use isthmus_core::config::FieldProblem;
use isthmus_core::prelude::*;
use isthmus_core::random::Key;
use isthmus_core::registry::TermPlugin;
use isthmus_linear::Rows;
use isthmus_linear::domain_classifier::DomainClassifier;
use isthmus_linear::rows::mean;

use crate::kernel_mean_matching::kernel_mean_matching_ratios;
use crate::kliep::kliep_ratios;
use crate::nearest_neighbour::nearest_neighbour_ratios;
use crate::row_weights::{RowWeights, Weigh};

inventory::submit! {
    Plugin::term::<ImportanceWeighting>(About {
        name: "importance-weighting",
        summary: "Weighs source samples by how much likelier their features are in the target",
        paper: "Shimodaira: Improving predictive inference under covariate shift by weighting the \
                log-likelihood function, Journal of Statistical Planning and Inference 2000; the \
                density ratio by a classifier: Bickel, Brückner, Scheffer, ICML 2007; by kernel \
                means: Huang, Smola, Gretton, Borgwardt, Schölkopf, NIPS 2006; KLIEP: Sugiyama, \
                Nakajima, Kashima, von Bünau, Kawanabe, NIPS 2007; by nearest neighbours: Loog, \
                MLSP 2012",
    })
}

/// How the density ratio is estimated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// A logistic regression tells the domains apart, and
    /// `n_source / n_target * P(target | x) / P(source | x)` is the ratio.
    #[default]
    Discriminative,
    /// The ratio with which the means of a Gaussian kernel's features agree (KMM). It holds a matrix
    /// of all pairs of source samples, of 8000 at most.
    KernelMeanMatching,
    /// A sum of Gaussian kernels around 100 target samples with which the weighted source is nearest
    /// to the target in Kullback-Leibler divergence.
    Kliep,
    /// One more than the number of target samples that have the sample for their nearest.
    NearestNeighbour,
}

/// Each source sample's loss is multiplied by the density ratio `p_target(x) / p_source(x)` of its
/// features, which `estimator` finds before the first step and once. Ratios are cut at `largest`
/// and divided by their mean. For covariate shift, where inputs differ in distribution and each
/// input means the same in both domains. Where the domains are told apart nearly always, as features
/// of images often are, few samples carry all the weight and it does harm: `effective_share` among
/// the measurements says how many are left.
///
/// The features are those of the model where an earlier stage has trained it, else what the
/// extractor makes of the samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImportanceWeighting {
    /// How the ratio is estimated: `discriminative`, `kernel-mean-matching`, `kliep` or
    /// `nearest-neighbour`.
    pub estimator: Estimator,
    /// Of `discriminative`: strength of the logistic regression's penalty, half the squared norm of
    /// its weights on standardised features: the larger, the more alike the weights. Absent: 0.01.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub regularization: Option<f64>,
    /// Of `kernel-mean-matching` and `kliep`: width of the kernel `exp(-gamma |x - y|^2)`. Absent:
    /// one over the mean squared distance of two source samples; `kliep` chooses among shares of it
    /// by target samples that it holds out.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub gamma: Option<f64>,
    /// The largest density ratio; larger ones are cut to it.
    #[schemars(range(min = 1.0))]
    pub largest: f64,
}

impl Default for ImportanceWeighting {
    fn default() -> Self {
        Self {
            estimator: Estimator::Discriminative,
            regularization: None,
            gamma: None,
            largest: 10.0,
        }
    }
}

impl PluginConfig for ImportanceWeighting {
    fn check(&self) -> Result<(), FieldProblem> {
        let has_kernel = matches!(self.estimator, Estimator::KernelMeanMatching | Estimator::Kliep);
        let problem = |field: &str, of: &str| {
            Err(FieldProblem {
                field: field.to_owned(),
                message: format!("the `estimator` has none: it is a setting of {of}; remove it"),
            })
        };
        if self.regularization.is_some() && self.estimator != Estimator::Discriminative {
            return problem("regularization", "`discriminative`");
        }
        if self.gamma.is_some() && !has_kernel {
            return problem("gamma", "`kernel-mean-matching` and `kliep`");
        }
        Ok(())
    }
}

impl TermPlugin for ImportanceWeighting {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        Ok(Box::new(RowWeights::new(self.clone(), context)))
    }
}

impl ImportanceWeighting {
    /// The strength of the logistic regression's penalty where none is stated.
    const REGULARIZATION: f64 = 0.01;

    fn ratios(&self, source: &Rows, target: &Rows) -> Result<Vec<f64>, MethodError> {
        match self.estimator {
            Estimator::Discriminative => {
                let strength = self.regularization.unwrap_or(Self::REGULARIZATION);
                // A single strength holds no rows out, so that nothing is drawn.
                let key = Key::new(0);
                let classifier = DomainClassifier::fit(source, target, &[strength], &key)?;
                Ok(classifier.density_ratios(source))
            }
            Estimator::KernelMeanMatching => {
                kernel_mean_matching_ratios(source, target, self.gamma, self.largest)
            }
            Estimator::Kliep => kliep_ratios(source, target, self.gamma),
            Estimator::NearestNeighbour => Ok(nearest_neighbour_ratios(source, target)),
        }
    }
}

impl Weigh for ImportanceWeighting {
    fn weights(
        &self,
        source: &Rows,
        _sources: &[Range<usize>],
        target: &Rows,
    ) -> Result<Vec<f64>, MethodError> {
        let mut ratios = self.ratios(source, target)?;
        ratios.iter_mut().for_each(|ratio| *ratio = ratio.min(self.largest));
        if mean(&ratios) <= 0.0 {
            return Err(MethodError::Unsuitable(
                "`importance-weighting`: every source sample has weight 0, the domains have \
                 nothing in common; a larger `regularization` or a smaller `gamma` helps"
                    .to_owned(),
            ));
        }
        Ok(ratios)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use isthmus_core::named_tensor::NamedTensor;
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, term};

    use super::*;
    use crate::row_weights::{WEIGHTS, checked_weights};

    fn weights(
        config: &ImportanceWeighting,
        source: &Rows,
        target: &Rows,
    ) -> Result<Vec<f32>, MethodError> {
        checked_weights(config, source, std::slice::from_ref(&(0..source.count())), target)
    }

    const LINEAR: ModelSpec =
        ModelSpec { extractor: ("identity", ""), bottleneck: None, classifier: ("linear", "") };

    /// One feature, evenly from -3 to 3 in the source and from 0 to 3 in the target; the class says
    /// whether it is further than 1.5 from 0. No line is right everywhere, one is right in the
    /// target.
    fn half() -> TwoDomains {
        let even = |from: f32, to: f32| -> Vec<f32> {
            (0..60).map(|row| from + (to - from) * (row as f32 + 0.5) / 60.0).collect()
        };
        let classes = |values: &[f32]| values.iter().map(|x| u32::from(x.abs() > 1.5)).collect();
        let (source, target) = (even(-3.0, 3.0), even(0.0, 3.0));
        TwoDomains {
            classes: 2,
            features: 1,
            source_labels: classes(&source),
            target_labels: classes(&target),
            source,
            target,
            source_batch: 60,
            target_batch: 60,
            ..TwoDomains::default()
        }
    }

    const ESTIMATORS: [&str; 4] =
        ["discriminative", "kernel-mean-matching", "kliep", "nearest-neighbour"];

    #[test]
    fn samples_like_the_targets_count_more_and_a_line_that_is_right_there_is_found() {
        let mut plain = Workbench::new(LINEAR, half(), 300, 0.5);
        plain.train_on_source(300);
        let before = plain.target_accuracy();
        assert!(before < 0.7, "{before}");
        for estimator in ESTIMATORS {
            let mut bench = Workbench::new(LINEAR, half(), 300, 0.5);
            let config = format!("estimator = \"{estimator}\"");
            let mut weighted = term("importance-weighting", &config, &bench.context());
            weighted.begin(&mut bench.stage()).unwrap();
            let weights: Vec<f32> = weighted.state()[0].data.iter::<f32>().collect();
            assert!((weights.iter().sum::<f32>() / 60.0 - 1.0).abs() < 1e-5, "{estimator}");
            let (below, above) = weights.split_at(30);
            let share = below.iter().sum::<f32>() / above.iter().sum::<f32>();
            assert!(share < 0.4, "{estimator}: {share} of {weights:?}");
            let measured = bench.train(weighted, 300);
            let share = measured[0]["term/effective_share"];
            assert!(share > 0.2 && share < 0.96, "{estimator}: {share}");
            let after = bench.target_accuracy();
            assert!(after > before + 0.2, "{estimator}: {before} to {after}");
        }
    }

    fn config(estimator: Estimator) -> ImportanceWeighting {
        ImportanceWeighting { estimator, ..ImportanceWeighting::default() }
    }

    const ALL: [Estimator; 4] = [
        Estimator::Discriminative,
        Estimator::KernelMeanMatching,
        Estimator::Kliep,
        Estimator::NearestNeighbour,
    ];

    #[test]
    fn equal_domains_weigh_all_samples_alike() {
        let rows = Rows::new(1, (0..40).map(f64::from).collect());
        for estimator in ALL {
            let weights = weights(&config(estimator), &rows, &rows).unwrap();
            let near = weights.iter().all(|weight| (weight - 1.0).abs() < 0.1);
            assert!(near, "{estimator:?}: {weights:?}");
        }
    }

    #[test]
    fn what_is_degenerate_gives_finite_weights_or_an_error() {
        let rows = |values: &[f64]| Rows::new(1, values.to_vec());
        let cases = [
            (rows(&[3.0; 7]), rows(&[3.0; 5])),
            (rows(&[1.0]), rows(&[2.0])),
            (rows(&[1.0, 2.0]), rows(&[1e6, 2e6])),
            (rows(&[1e4, -1e4, 0.0]), rows(&[1e-9, 2e-9])),
        ];
        for estimator in ALL {
            for (source, target) in &cases {
                match weights(&config(estimator), source, target) {
                    Ok(weights) => {
                        assert!(weights.iter().all(|it| it.is_finite() && *it >= 0.0));
                        let mean = weights.iter().sum::<f32>() / weights.len() as f32;
                        assert!((mean - 1.0).abs() < 1e-5, "{estimator:?}: {weights:?}");
                    }
                    Err(error) => assert!(error.to_string().len() > 20, "{error}"),
                }
            }
            let error = weights(&config(estimator), &rows(&[f64::NAN]), &rows(&[1.0])).unwrap_err();
            assert!(error.to_string().contains("holds NaN"), "{error}");
        }
    }

    #[test]
    fn settings_of_another_estimator_are_refused() {
        let error = config_error("importance-weighting", "gamma = 1.0");
        assert!(error.contains("of `kernel-mean-matching` and `kliep`"), "{error}");
        let error =
            config_error("importance-weighting", "estimator = \"kliep\"\nregularization = 1.0");
        assert!(error.contains("of `discriminative`"), "{error}");
    }

    #[test]
    fn large_ratios_are_cut() {
        let source = Rows::new(1, (0..100).map(f64::from).collect());
        let target = Rows::new(1, (90..100).map(f64::from).collect());
        let config = ImportanceWeighting {
            regularization: Some(1e-4),
            largest: 3.0,
            ..ImportanceWeighting::default()
        };
        let weights = weights(&config, &source, &target).unwrap();
        let largest = weights.iter().copied().fold(0.0, f32::max);
        let at_largest = weights.iter().filter(|weight| **weight == largest).count();
        assert!(at_largest > 5, "{weights:?}");
        let error = config_error("importance-weighting", "largest = 0.5");
        assert!(error.contains(">= 1"), "{error}");
    }

    #[test]
    fn weights_are_part_of_a_checkpoint() {
        let mut bench = Workbench::new(LINEAR, half(), 1, 0.5);
        let mut first = term("importance-weighting", "", &bench.context());
        first.begin(&mut bench.stage()).unwrap();
        let state = vec![NamedTensor {
            path: WEIGHTS.to_owned(),
            data: TensorData::new(vec![0.5f32; 60], [60]),
        }];
        first.load_state(state.clone()).unwrap();
        assert_eq!(first.state()[0].data, state[0].data);
        let error = first.load_state(Vec::new()).unwrap_err().to_string();
        assert!(error.contains("no `weights` of 60 values"), "{error}");
    }
}
