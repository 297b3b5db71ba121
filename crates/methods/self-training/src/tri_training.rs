//! Asymmetric tri-training: labels that two heads agree on teach a third.

use isthmus_core::model::ModelOutput;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::parts::Classifier;
use isthmus_core::prelude::*;
use isthmus_core::registry::DriverPlugin;
use isthmus_core::updater::{Part, Role};
use isthmus_losses::adversarial::weight_overlap;

use crate::label_loss::LabelLoss;
use crate::labels::PseudoLabels;
use crate::round_labels::RoundLabels;
use crate::rounds::Round;
use crate::self_training::LabelledBatch;

inventory::submit! {
    Plugin::driver::<TriTraining>(
        About {
            name: "tri-training",
            summary: "Two classifiers label the target where they agree, a third learns from that",
            paper: "Saito, Ushiku, Harada: Asymmetric tri-training for unsupervised domain \
                    adaptation, ICML 2017",
        },
        Needs::NOTHING.alone().of_classes(),
    )
}

/// Two further classifiers, built as the experiment's with other initial weights, label the target;
/// the model's own classifier learns the target from these labels alone. All three share the features.
///
/// First, for `warm_up` of the stage's iterations, all three learn the source. Then, at the start of
/// each round, every target training sample is labelled anew on which both labellers agree and which
/// one of them gives at least the probability `threshold`. Until the next round, batches hold source
/// samples and labelled target samples: the labellers learn both, the model's classifier the labelled
/// target samples, and extractor and bottleneck all of it. In a round without labels all three learn
/// the source.
///
/// So that the labellers judge by different features, `independence * sum |W1ᵀ W2|` is added, of the
/// first matrices of weights `[features, units]` of both.
///
/// It predicts by the model. The paper chooses the samples that may be labelled at random, a share
/// that grows from round to round; here all of them may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TriTraining {
    /// Smallest probability that the more certain labeller gives to a label. The paper uses 0.9 to
    /// 0.95.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub threshold: f64,
    /// What the threshold goes to, by equal steps from round to round; absent: it stays.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub last_threshold: Option<f64>,
    /// Share of the stage's iterations before the first labels.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub warm_up: f64,
    /// How often labels are given anew, in equal parts of the iterations after the warm-up.
    #[schemars(range(min = 1))]
    pub rounds: usize,
    /// Factor of the overlap of both labellers' weights.
    #[schemars(range(min = 0.0))]
    pub independence: f64,
    /// The loss on pseudo-labelled samples.
    pub loss: LabelLoss,
    /// Factor of the labellers' loss on pseudo-labelled samples; the source's loss has factor 1.
    #[schemars(range(min = 0.0))]
    pub trade_off: f64,
}

impl Default for TriTraining {
    fn default() -> Self {
        Self {
            threshold: 0.9,
            last_threshold: None,
            warm_up: 0.3,
            rounds: 10,
            independence: 0.01,
            loss: LabelLoss::default(),
            trade_off: 1.0,
        }
    }
}

impl PluginConfig for TriTraining {}

impl DriverPlugin for TriTraining {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Driver>, MethodError> {
        let labellers =
            [context.fresh_classifier(LABELLERS[0])?, context.fresh_classifier(LABELLERS[1])?];
        let labels = RoundLabels::new("tri-training", context.outputs);
        Ok(Box::new(Agreement { config: self.clone(), labellers, labels }))
    }
}

/// The names of the classifiers that label.
const LABELLERS: [&str; 2] = ["first", "second"];

/// The driver.
struct Agreement {
    config: TriTraining,
    labellers: [Box<dyn Classifier>; 2],
    labels: RoundLabels,
}

impl Agreement {
    /// Gives labels to the target by what both labellers say now.
    fn label(&self, stage: &Stage<'_>, threshold: f64) -> Result<PseudoLabels, MethodError> {
        let mut labellers = self.labellers.each_ref().map(|head| head.evaluation_copy());
        let logits = stage.target_pass(|model, input, context| {
            let features = model.features(input, context);
            labellers.each_mut().map(|head| head.forward(features.clone(), context))
        })?;
        let of = |head: usize| {
            Tensor::cat(logits.iter().map(|logits| logits[head].clone()).collect(), 0)
        };
        Ok(PseudoLabels::agreed(of(0), of(1), threshold))
    }

    /// How alike the first layers of both labellers are.
    fn overlap(&self) -> Result<Tensor<1>, MethodError> {
        let weights = self.labellers.each_ref().map(|head| {
            let mut first = None;
            head.visit_matrices(&mut |_, weights| {
                first.get_or_insert(weights);
            });
            first
        });
        match weights {
            [Some(first), Some(second)] => Ok(weight_overlap(first, second)),
            _ => Err(MethodError::Unsuitable(
                "`tri-training` compares the weights of two classifiers, and this one has no \
                 matrix of weights: set `independence = 0`"
                    .to_owned(),
            )),
        }
    }

    /// One update, by the source and the labelled rows of the target.
    fn learn(&mut self, step: &mut Step<'_>, batch: &LabelledBatch) -> Result<(), MethodError> {
        let output = step.first_pass(batch.input.clone(), batch.segments.clone());
        let own_loss = batch.label_loss(self.config.loss, &output.logits);
        if let (true, Some(loss)) = (step.measure, &own_loss) {
            step.note("pseudo_label_loss", loss.clone().into_scalar::<f64>());
        }
        let mut loss = match own_loss {
            Some(loss) => loss,
            None => step.source_loss(&batch.source(&output), &batch.targets)?,
        };
        let context = step.network_context(batch.segments.clone());
        let mut source_loss = Tensor::zeros([1], &loss.device());
        for head in &mut self.labellers {
            let logits = head.forward(output.features.clone(), &context);
            if let Some(labelled) = batch.label_loss(self.config.loss, &logits) {
                loss = loss + labelled.mul_scalar(self.config.trade_off);
            }
            let output = ModelOutput::new(output.features.clone(), logits);
            source_loss = source_loss + step.source_loss(&batch.source(&output), &batch.targets)?;
        }
        if step.measure {
            step.note("labellers_source_loss", source_loss.clone().into_scalar::<f64>());
        }
        loss = loss + source_loss;
        if self.config.independence > 0.0 {
            let overlap = self.overlap()?;
            if step.measure {
                step.note("weight_overlap", overlap.clone().into_scalar::<f64>());
            }
            loss = loss + overlap.mul_scalar(self.config.independence);
        }
        step.update(&loss, self.networks())
    }
}

impl Method for Agreement {
    fn networks(&mut self) -> Vec<Part<'_>> {
        let parts = LABELLERS.iter().zip(&mut self.labellers);
        parts.map(|(name, head)| Part::new(*name, Role::Classifier, &mut **head)).collect()
    }

    fn state(&self) -> Vec<NamedTensor> {
        self.labels.state()
    }

    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        self.labels.load_state(&state)
    }
}

impl Driver for Agreement {
    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        let total_steps = step.stage.total_steps;
        let warm_up = (self.config.warm_up * total_steps as f64).round() as usize;
        let Some(round) = Round::after(step, warm_up, self.config.rounds) else {
            let batch = LabelledBatch::draw(step, &PseudoLabels::default(), false)?;
            return self.learn(step, &batch);
        };
        if round.begins {
            let first = self.config.threshold;
            let last = self.config.last_threshold.unwrap_or(first);
            let labels = self.label(&step.stage, round.between(first, last))?;
            step.note("round", round.number as f64);
            step.note("kept_share", labels.kept_share());
            self.labels.begin(labels);
        }
        let batch = LabelledBatch::draw(step, self.labels.at(step)?, false)?;
        self.learn(step, &batch)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use isthmus_core::registry::Kind;
    use isthmus_core::updater::part_tensors;
    use isthmus_testing::{
        ModelSpec, TwoDomains, Workbench, assert_driver_gains, config_error, driver, plugin,
    };

    use super::*;

    fn bench(steps: usize) -> Workbench {
        let data = TwoDomains::shifted(40, 24, 2.0).batches(10, 6);
        Workbench::new(ModelSpec::NORMALISED, data, steps, 0.1)
    }

    fn agreement(bench: &Workbench, config: TriTraining) -> Agreement {
        let head = |name| bench.context().fresh_classifier(name).unwrap();
        let labels = RoundLabels::new("tri-training", 2);
        Agreement { config, labellers: [head("first"), head("second")], labels }
    }

    /// The names of the parts that a step's loss moves.
    fn moved(bench: &mut Workbench, method: &mut Agreement, labels: &PseudoLabels) -> Vec<String> {
        let values = |bench: &mut Workbench, method: &mut Agreement| {
            let own = part_tensors(method.networks()).into_iter();
            let own = own.map(|tensor| (tensor.path, tensor.data.iter::<f32>().collect()));
            bench.values().into_iter().chain(own).collect::<Vec<(String, Vec<f32>)>>()
        };
        let before = values(bench, method);
        let mut step = Step::new(bench.stage(), 0, 0, false);
        let batch = LabelledBatch::draw(&step, labels, false).unwrap();
        method.learn(&mut step, &batch).unwrap();
        let after = values(bench, method);
        let changed = before.iter().zip(&after).filter(|(before, after)| before != after);
        let part = |name: &str| name.split('.').next().map(str::to_owned);
        let mut parts: Vec<String> = changed.filter_map(|((name, _), _)| part(name)).collect();
        parts.dedup();
        parts
    }

    /// The labels are what the model is certain of already, so that `1 - p` has no gradient: what
    /// moves, moves by the source.
    #[test]
    fn the_models_classifier_learns_the_labels_alone() {
        let config = TriTraining {
            loss: LabelLoss { exponent: 1.0 },
            independence: 0.0,
            ..TriTraining::default()
        };
        let mut bench = bench(10);
        let mut method = agreement(&bench, config);
        let all = ["classifier", "extractor", "first", "second"];
        assert_eq!(moved(&mut bench, &mut method, &PseudoLabels::default()), all);
        let classifier = bench.model.classifier.tensors().into_iter();
        let certain = classifier.map(|own| {
            let values = own.data.iter::<f32>().map(|value| value * 1e4).collect();
            (own.path, TensorData::new::<f32, _>(values, own.data.shape().clone()))
        });
        let certain = certain.collect();
        bench.model.classifier.load_tensors(&certain).unwrap();
        let labels = PseudoLabels::confident(bench.stage().predict_target().unwrap(), 1.0);
        assert!(labels.kept_share() > 0.5, "{}", labels.kept_share());
        assert_eq!(moved(&mut bench, &mut method, &labels), ["extractor", "first", "second"]);
    }

    #[test]
    fn labels_are_given_anew_after_the_warm_up() {
        let mut bench = bench(20);
        let config = "warm_up = 0.4\nrounds = 3\nthreshold = 0.6";
        let mut method = driver("tri-training", config, &bench.context());
        for number in 0..20 {
            let report = bench.step(&mut *method, number, false).unwrap();
            let starts = [8, 12, 16].contains(&number);
            assert_eq!(report.contains_key("kept_share"), starts, "step {number}");
            assert_eq!(method.state().is_empty(), number < 8);
        }
        let error = {
            let mut other = driver("tri-training", config, &bench.context());
            bench.step(&mut *other, 9, false).unwrap_err().to_string()
        };
        assert!(error.contains("step 9 holds no pseudo-labels"), "{error}");
    }

    #[test]
    fn identical_samples_are_no_trouble() {
        let mut bench = bench(6);
        bench.data.target = [0.5, 0.5, 0.5].repeat(24);
        let mut method = driver("tri-training", "warm_up = 0.0\nthreshold = 0.0", &bench.context());
        for report in bench.run(&mut *method, 0..6) {
            assert!(report.values().all(|value| value.is_finite()), "{report:?}");
        }
    }

    #[test]
    fn the_labellers_start_apart_and_their_weights_come_to_overlap_less() {
        let overlap = |independence: f64| {
            let mut bench = bench(60);
            let config = TriTraining { independence, ..TriTraining::default() };
            let mut method = agreement(&bench, config);
            let first = method.overlap().unwrap().into_scalar::<f64>();
            assert!(first > 1e-3, "{first}");
            bench.run(&mut method, 0..60);
            method.overlap().unwrap().into_scalar::<f64>()
        };
        let (without, with) = (overlap(0.0), overlap(0.1));
        assert!(with < without, "{without} without, {with} with");
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        assert_driver_gains("tri-training", "threshold = 0.8", 2.0, 200);
    }

    #[test]
    fn the_defaults_and_needs_are_declared() {
        let plugin = plugin(Kind::Method, "tri-training");
        assert_eq!(plugin.needs, Needs::NOTHING.alone().of_classes());
        let defaults = (plugin.defaults)();
        assert_eq!(
            (&defaults["threshold"], &defaults["independence"]),
            (&0.9.into(), &0.01.into())
        );
        assert!(config_error("tri-training", "warm_up = 2.0").contains("warm_up"));
    }
}
