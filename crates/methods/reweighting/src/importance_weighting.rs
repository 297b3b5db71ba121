//! Importance weighting: the source's loss as if its samples were the target's.

use burn::tensor::{Tensor, TensorData};
use isthmus_core::context::Context;
use isthmus_core::error::MethodError;
use isthmus_core::input::Input;
use isthmus_core::method::MethodContext;
use isthmus_core::model::Model;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;
use isthmus_core::step::Joint;
use isthmus_linear::Rows;
use isthmus_linear::logistic::{Labelled, Logistic};

inventory::submit! {
    Plugin::term::<ImportanceWeighting>(About {
        name: "importance-weighting",
        summary: "Weighs source samples by how much likelier their features are in the target",
        paper: "Shimodaira: Improving predictive inference under covariate shift by weighting the \
                log-likelihood function, Journal of Statistical Planning and Inference 2000; the \
                density ratio by a classifier: Bickel, Brückner, Scheffer, ICML 2007",
    })
}

/// Each source sample's loss is multiplied by the density ratio `p_target(x) / p_source(x)` of its
/// features, before the first step and once: a logistic regression tells the domains apart, and
/// `n_source / n_target * P(target | x) / P(source | x)` is the ratio. Ratios are cut at `largest`
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
    /// Strength of the logistic regression's penalty, half the squared norm of its weights on
    /// standardised features: the larger, the more alike the weights.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub regularization: f64,
    /// The largest density ratio; larger ones are cut to it.
    #[schemars(range(min = 1.0))]
    pub largest: f64,
}

impl Default for ImportanceWeighting {
    fn default() -> Self {
        Self { regularization: 0.01, largest: 10.0 }
    }
}

impl PluginConfig for ImportanceWeighting {}

impl TermPlugin for ImportanceWeighting {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        let trained = context.trained;
        Ok(Box::new(Weights { config: self.clone(), trained, of_rows: Vec::new() }))
    }
}

/// The path of the weights in a checkpoint.
const WEIGHTS: &str = "weights";

struct Weights {
    config: ImportanceWeighting,
    /// Whether an earlier stage has trained the model.
    trained: bool,
    /// One for each training row of the sources, of mean 1.
    of_rows: Vec<f32>,
}

impl ImportanceWeighting {
    /// The weight of each source row.
    ///
    /// # Errors
    /// If a feature is not finite, or the domains' classifier does not converge.
    fn weights(&self, source: &Rows, target: &Rows) -> Result<Vec<f32>, MethodError> {
        const SOURCE: usize = 0;
        const TARGET: usize = 1;
        let features = source.above(target);
        features.check_finite()?;
        let mut labels = vec![SOURCE; source.count()];
        labels.resize(features.count(), TARGET);
        let rows = Labelled { features: &features, labels: &labels, weights: None };
        let classifier = Logistic::fit(rows, self.regularization)?;
        let numbers = source.count() as f64 / target.count() as f64;
        let ratio = |row: &[f64]| (numbers * (row[TARGET] - row[SOURCE]).exp()).min(self.largest);
        let ratios: Vec<f64> = classifier.log_probabilities(source).iter().map(ratio).collect();
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        if mean <= 0.0 {
            return Err(MethodError::Unsuitable(
                "`importance-weighting`: every source sample has weight 0, the domains have \
                 nothing in common; a larger `regularization` helps"
                    .to_owned(),
            ));
        }
        Ok(ratios.into_iter().map(|ratio| (ratio / mean) as f32).collect())
    }
}

impl Method for Weights {
    fn state(&self) -> Vec<NamedTensor> {
        let data = TensorData::new(self.of_rows.clone(), [self.of_rows.len()]);
        vec![NamedTensor { path: WEIGHTS.to_owned(), data }]
    }

    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        let found = state.iter().find(|tensor| tensor.path == WEIGHTS);
        match found.and_then(|tensor| tensor.data.as_slice::<f32>().ok()) {
            Some(weights) if weights.len() == self.of_rows.len() => {
                self.of_rows.copy_from_slice(weights);
                Ok(())
            }
            _ => Err(MethodError::Checkpoint(format!(
                "it holds no `{WEIGHTS}` of {} source samples",
                self.of_rows.len()
            ))),
        }
    }
}

impl Term for Weights {
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        let trained = self.trained;
        let forward = |model: &mut Model, input: Input, context: &Context| {
            let features = model.known_features(trained, input, context);
            let [_, columns] = features.dims();
            Rows::new(columns, features.into_data().iter::<f64>().collect())
        };
        let joined = |parts: Vec<Rows>| parts.into_iter().reduce(|all, part| all.above(&part));
        let source = joined(stage.source_pass(forward)?);
        let target = joined(stage.target_pass(forward)?);
        if let (Some(source), Some(target)) = (source, target) {
            self.of_rows = self.config.weights(&source, &target)?;
        }
        Ok(())
    }

    fn source_weights(
        &mut self,
        step: &mut Step<'_>,
        joint: &Joint,
    ) -> Result<Option<Tensor<1>>, MethodError> {
        let weights: Vec<f32> = joint.source_indices.iter().map(|&row| self.of_rows[row]).collect();
        if step.measure {
            let squares: f32 = self.of_rows.iter().map(|weight| weight * weight).sum();
            // Kish's effective sample size, as a share of the samples.
            step.note("effective_share", f64::from(self.of_rows.len() as f32 / squares));
        }
        let data = TensorData::new(weights, [joint.source_rows]);
        Ok(Some(Tensor::from_data(data, &joint.features.device())))
    }

    /// Nothing is added: the weights are all.
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        Ok(Tensor::zeros([1], &step.stage.device))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, term};

    use super::*;

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

    #[test]
    fn samples_like_the_targets_count_more_and_a_line_that_is_right_there_is_found() {
        let mut plain = Workbench::new(LINEAR, half(), 300, 0.5);
        plain.train_on_source(300);
        let mut bench = Workbench::new(LINEAR, half(), 300, 0.5);
        let mut weighted = term("importance-weighting", "", &bench.context());
        weighted.begin(&mut bench.stage()).unwrap();
        let weights: Vec<f32> = weighted.state()[0].data.iter::<f32>().collect();
        assert!((weights.iter().sum::<f32>() / 60.0 - 1.0).abs() < 1e-5);
        assert!(weights.windows(2).all(|pair| pair[0] <= pair[1]), "{weights:?}");
        let measured = bench.train(weighted, 300);
        let share = measured[0]["term/effective_share"];
        assert!(share > 0.2 && share < 0.9, "{share}");
        let (before, after) = (plain.target_accuracy(), bench.target_accuracy());
        assert!(before < 0.7 && after > 0.8, "{before} {after}");
    }

    #[test]
    fn equal_domains_weigh_all_samples_alike() {
        let rows = Rows::new(1, (0..40).map(f64::from).collect());
        let weights = ImportanceWeighting::default().weights(&rows, &rows).unwrap();
        assert!(weights.iter().all(|weight| (weight - 1.0).abs() < 1e-4), "{weights:?}");
    }

    #[test]
    fn large_ratios_are_cut() {
        let source = Rows::new(1, (0..100).map(f64::from).collect());
        let target = Rows::new(1, (90..100).map(f64::from).collect());
        let config = ImportanceWeighting { regularization: 1e-4, largest: 3.0 };
        let weights = config.weights(&source, &target).unwrap();
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
        assert!(error.contains("no `weights` of 60 source samples"), "{error}");
    }
}
