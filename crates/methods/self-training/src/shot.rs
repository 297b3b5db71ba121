//! Source hypothesis transfer.

use burn::tensor::activation::softmax;
use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::registry::DriverPlugin;
use isthmus_core::targets::class_tensor;
use isthmus_core::updater::Role;
use isthmus_losses::target::{centroid_labels, entropy, entropy_of_mean};

use crate::label_loss::LabelLoss;
use crate::labels::PseudoLabels;
use crate::round_labels::RoundLabels;
use crate::rounds::Round;

inventory::submit! {
    Plugin::driver::<Shot>(
        About {
            name: "shot",
            summary: "Fits the features of a trained model to the target, without the source",
            paper: "Liang, Hu, Feng: Do we really need to access the source data? Source \
                    hypothesis transfer for unsupervised domain adaptation, ICML 2020",
        },
        Needs::TRAINED.alone().of_classes().without_source(),
    )
}

/// Source-free adaptation: a second stage, after one that trained the model on the source. The
/// classifier stays as it is; extractor and bottleneck are trained on target batches alone, so that
/// predictions become certain and diverse and meet pseudo-labels. No source sample is read.
///
/// The loss is `entropy * mean_i H(p_i) - diversity * H(mean_i p_i) + pseudo_label * L`, with `L`
/// the loss against pseudo-labels, by default the cross-entropy.
///
/// The pseudo-labels are given to all target training samples at the start of each round: each gets
/// the class whose centroid is nearest to its features by cosine distance; centroids are means of
/// features weighted by the predicted probabilities, then, in a second pass, of the rows so labelled.
///
/// The paper trains the source model with label smoothing of 0.1 (`[objective] label_smoothing`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Shot {
    /// Factor of the entropy of each prediction.
    #[schemars(range(min = 0.0))]
    pub entropy: f64,
    /// Factor of the entropy of the mean prediction; presumes classes of about equal frequency.
    #[schemars(range(min = 0.0))]
    pub diversity: f64,
    /// Factor of the loss against the pseudo-labels. The authors use 0.1 for digits.
    #[schemars(range(min = 0.0))]
    pub pseudo_label: f64,
    /// The loss against the pseudo-labels.
    pub loss: LabelLoss,
    /// How often pseudo-labels are given anew, in equal parts of the stage's iterations.
    #[schemars(range(min = 1))]
    pub rounds: usize,
}

impl Default for Shot {
    fn default() -> Self {
        Self {
            entropy: 1.0,
            diversity: 1.0,
            pseudo_label: 0.3,
            loss: LabelLoss::default(),
            rounds: 15,
        }
    }
}

impl PluginConfig for Shot {}

impl DriverPlugin for Shot {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Driver>, MethodError> {
        let labels = RoundLabels::new("shot", context.outputs);
        Ok(Box::new(HypothesisTransfer { config: self.clone(), labels }))
    }
}

/// Passes in which labels are given: by probabilities, then by labels.
const PASSES: usize = 2;

struct HypothesisTransfer {
    config: Shot,
    /// The class of each target training row.
    labels: RoundLabels,
}

impl HypothesisTransfer {
    /// Gives all target training rows labels, and notes how many changed.
    fn label(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        let outputs = step.stage.target_outputs()?;
        let probabilities = softmax(outputs.logits, 1);
        let rounds = centroid_labels(&outputs.features, &probabilities, PASSES);
        let labels = rounds.into_iter().last().map(|round| round.labels).unwrap_or_default();
        let labels: PseudoLabels = labels.into_iter().map(Some).collect();
        if let Some(share) = self.labels.changed_share(&labels) {
            step.note("changed_share", share);
        }
        self.labels.begin(labels);
        Ok(())
    }
}

impl Method for HypothesisTransfer {
    fn state(&self) -> Vec<NamedTensor> {
        self.labels.state()
    }

    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        self.labels.load_state(&state)
    }
}

impl Driver for HypothesisTransfer {
    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        if Round::of(step, self.config.rounds).begins {
            self.label(step)?;
        }
        let (data, device) = (step.stage.data, step.stage.device.clone());
        let batch = data.target_batch(step.batch_number(), &device)?;
        let segments = vec![Segment { domain: DomainRole::Target, rows: batch.input.rows() }];
        let labels = self.labels.of_rows(step, &batch.indices)?;
        let logits = step.first_pass(batch.input, segments).logits;
        let parts = [
            ("entropy", self.config.entropy, entropy(logits.clone())),
            ("entropy_of_mean", -self.config.diversity, entropy_of_mean(logits.clone())),
            (
                "pseudo_label_loss",
                self.config.pseudo_label,
                self.config.loss.of(logits, class_tensor(&labels, &device)),
            ),
        ];
        let mut loss = Tensor::zeros([1], &device);
        for (name, factor, part) in parts {
            if step.measure {
                step.note(name, part.clone().into_scalar::<f64>());
            }
            loss = loss + part.mul_scalar(factor);
        }
        step.update_only(&loss, &[Role::Extractor, Role::Bottleneck], Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, driver, plugin};

    use super::*;

    /// A model trained on the source, which cannot be read any longer.
    fn trained(steps: usize) -> Workbench {
        let data = TwoDomains::shifted(40, 24, 2.0).batches(20, 12);
        let mut bench = Workbench::new(ModelSpec::NORMALISED, data, steps, 0.1);
        bench.train_on_source(100);
        bench.data.source_hidden = true;
        bench
    }

    #[test]
    fn raises_the_accuracy_without_the_source_and_leaves_the_classifier() {
        let mut bench = trained(100);
        let (before, values) = (bench.target_accuracy(), bench.values());
        let mut method = driver("shot", "", &bench.context());
        let reports = bench.run(&mut *method, 0..100);
        let after = bench.target_accuracy();
        println!("target accuracy: {before:.3} to {after:.3}");
        assert!(after > before, "{before} to {after}");
        assert!(reports[99]["entropy"] < reports[0]["entropy"]);
        let after = bench.values();
        let moved: Vec<&String> =
            after.keys().filter(|name| values[*name] != after[*name]).collect();
        assert!(moved.iter().any(|name| name.starts_with("extractor")), "{moved:?}");
        assert!(!moved.iter().any(|name| name.starts_with("classifier")), "{moved:?}");
    }

    #[test]
    fn labels_are_kept_within_a_round() {
        let mut bench = trained(12);
        let mut method = driver("shot", "rounds = 3", &bench.context());
        let mut labels = Vec::new();
        for number in 0..12 {
            let report = bench.step(&mut *method, number, false).unwrap();
            assert_eq!(report.contains_key("changed_share"), number == 4 || number == 8);
            labels.push(method.state()[0].data.clone());
        }
        for round in labels.chunks(4) {
            assert!(round.iter().all(|labels| labels == &round[0]));
        }
    }

    #[test]
    fn checkpoints_hold_the_labels_and_others_are_refused() {
        let mut bench = trained(12);
        let mut method = driver("shot", "rounds = 3", &bench.context());
        assert!(method.state().is_empty());
        let state = |values: Vec<f32>| {
            let data = burn::tensor::TensorData::new(values.clone(), [values.len()]);
            vec![NamedTensor { path: "pseudo_labels".to_owned(), data }]
        };
        let error = method.load_state(state(vec![0.0, 7.0])).unwrap_err().to_string();
        assert!(error.contains("the label 7"), "{error}");
        method.load_state(state(vec![0.0, 1.0])).unwrap();
        let error = bench.step(&mut *method, 1, false).unwrap_err().to_string();
        assert!(error.contains("2 target samples, there are 24"), "{error}");
        method.load_state(state(vec![-1.0; 24])).unwrap();
        let error = bench.step(&mut *method, 1, false).unwrap_err().to_string();
        assert!(error.contains("no label of target sample"), "{error}");
    }

    #[test]
    fn the_defaults_and_needs_are_declared() {
        let plugin = plugin(Kind::Method, "shot");
        assert_eq!(plugin.needs, Needs::TRAINED.alone().of_classes().without_source());
        assert_eq!((plugin.defaults)()["pseudo_label"], 0.3);
        assert!(config_error("shot", "rounds = 0").contains("rounds"));
    }
}
