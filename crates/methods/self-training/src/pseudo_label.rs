//! Pseudo-labels above a confidence threshold, in rounds.

use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::registry::DriverPlugin;
use isthmus_core::stage::SampleView;
use isthmus_core::targets::class_tensor;
use isthmus_losses::classification::cross_entropy;

use crate::labels::PseudoLabels;
use crate::rounds::Round;

inventory::submit! {
    Plugin::driver::<PseudoLabel>(
        About {
            name: "pseudo-label",
            summary: "Trains on confident predictions of the target as if they were labels",
            paper: "Lee: Pseudo-label: the simple and efficient semi-supervised learning method \
                    for deep neural networks, ICML workshops 2013",
        },
        Needs::TRAINED.alone().of_classes(),
    )
}

/// At the start of each round the current model predicts every target training sample; those
/// with a confident prediction get it as a label. Until the next round, batches of the source and
/// of the labelled target samples train the model together. Where no prediction is confident
/// enough, the round trains on the source alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PseudoLabel {
    /// Smallest probability of the predicted class with which a prediction becomes a label.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub threshold: f64,
    /// How often labels are assigned anew, in equal parts of the stage's iterations.
    #[schemars(range(min = 1))]
    pub rounds: usize,
    /// Whether batches hold equally many target samples of every predicted class, instead of as
    /// many as there are. Counters labels that gather in few classes.
    pub class_balanced: bool,
    /// Factor of the loss on pseudo-labelled samples; the source's loss has factor 1.
    #[schemars(range(min = 0.0))]
    pub trade_off: f64,
}

impl Default for PseudoLabel {
    fn default() -> Self {
        Self { threshold: 0.9, rounds: 10, class_balanced: false, trade_off: 1.0 }
    }
}

impl PluginConfig for PseudoLabel {}

impl DriverPlugin for PseudoLabel {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Driver>, MethodError> {
        Ok(Box::new(SelfTraining { config: self.clone(), classes: context.outputs, labels: None }))
    }
}

struct SelfTraining {
    config: PseudoLabel,
    classes: usize,
    labels: Option<PseudoLabels>,
}

impl SelfTraining {
    /// The labels of the round that `step` is in; new ones at its start.
    fn labels(
        &mut self,
        stage: &Stage<'_>,
        step: usize,
        starts_round: bool,
    ) -> Result<&PseudoLabels, MethodError> {
        if starts_round {
            self.labels =
                Some(PseudoLabels::confident(stage.predict_target()?, self.config.threshold));
        }
        match &self.labels {
            Some(labels) if labels.rows() == stage.data.target_rows() => Ok(labels),
            Some(labels) => Err(MethodError::Checkpoint(format!(
                "it holds pseudo-labels of {} target samples, there are {}",
                labels.rows(),
                stage.data.target_rows()
            ))),
            None => {
                Err(MethodError::Checkpoint(format!("that of step {step} holds no pseudo-labels")))
            }
        }
    }
}

impl Driver for SelfTraining {
    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        let round = Round::of(step, self.config.rounds);
        let (class_balanced, trade_off) = (self.config.class_balanced, self.config.trade_off);
        let labels = self.labels(&step.stage, step.number, round.begins)?;
        let kept_share = labels.kept_share();
        let key = step.key();
        let (rows, classes) = labels.draw(step.stage.batch_size, class_balanced, key.named("rows"));

        let (data, device) = (step.stage.data, step.stage.device.clone());
        let source = data.source_batch(step.batch_number(), &device)?;
        let (source_rows, target_rows) = (source.targets.rows(), rows.len());
        let (mut input, mut segments) = (source.input, source.segments);
        if target_rows > 0 {
            let view = SampleView::Weak(key.named("view"));
            input = input.concatenate(data.target_at(&rows, view, &device)?.input);
            segments.push(Segment { domain: DomainRole::Target, rows: target_rows });
        }

        let output = step.first_pass(input, segments);
        let objective = step.stage.objective;
        let source_loss = objective.loss(&output.rows(0, source_rows), &source.targets, None)?;
        // A mean over no rows is not a number: without labels there is no such term.
        let target_loss = (target_rows > 0).then(|| {
            let logits = output.rows(source_rows, target_rows).logits;
            cross_entropy(logits, class_tensor(&classes, &device))
        });

        if step.measure || round.begins {
            step.note("round", round.number as f64);
            step.note("kept_share", kept_share);
        }
        if step.measure {
            step.note(objective.loss_name(), source_loss.clone().into_scalar::<f64>());
            if let Some(loss) = &target_loss {
                step.note("pseudo_label_loss", loss.clone().into_scalar::<f64>());
            }
        }
        let loss = match target_loss {
            Some(target_loss) => source_loss + target_loss.mul_scalar(trade_off),
            None => source_loss,
        };
        step.update(&loss, Vec::new())
    }
}

impl Method for SelfTraining {
    fn state(&self) -> Vec<NamedTensor> {
        self.labels.iter().map(PseudoLabels::to_state).collect()
    }

    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        self.labels = match state.as_slice() {
            [] => None,
            [labels] => Some(PseudoLabels::from_state("pseudo-label", labels, self.classes)?),
            more => {
                return Err(MethodError::Checkpoint(format!(
                    "it holds {} tensors for `pseudo-label`, expected one",
                    more.len()
                )));
            }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use burn::tensor::activation::softmax;
    use isthmus_core::registry::{Kind, Needs};
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, driver, plugin};

    use super::*;

    /// A model trained on the source, and data whose batches differ in size.
    fn trained(total_steps: usize) -> Workbench {
        let data = TwoDomains::shifted(40, 24, 2.0).batches(10, 6);
        let mut bench = Workbench::new(ModelSpec::NORMALISED, data, total_steps, 0.1);
        let source = bench.context();
        let mut first = driver("pseudo-label", "threshold = 1.0\nrounds = 1", &source);
        bench.run(&mut *first, 0..30);
        bench
    }

    fn measured(report: &BTreeMap<String, f64>, name: &str) -> Option<f64> {
        report.get(name).copied()
    }

    #[test]
    fn labels_are_the_confident_predictions_of_the_current_model() {
        let mut bench = trained(30);
        let mut method = driver("pseudo-label", "threshold = 0.8", &bench.context());
        let probabilities = softmax(bench.stage().predict_target().unwrap(), 1);
        let (largest, classes) = probabilities.max_dim_with_indices(1);
        let want: Vec<f32> = largest
            .to_data()
            .iter::<f32>()
            .zip(classes.to_data().iter::<i64>())
            .map(|(largest, class)| if largest >= 0.8 { class as f32 } else { -1.0 })
            .collect();
        let kept = want.iter().filter(|label| **label >= 0.0).count();
        assert!(kept > 0 && kept < want.len(), "{kept} of {} rows: no test", want.len());

        let reports = bench.run(&mut *method, 0..1);
        let state = method.state();
        assert_eq!(state[0].data.iter::<f32>().collect::<Vec<_>>(), want);
        let share = measured(&reports[0], "kept_share").unwrap();
        assert_eq!(share, kept as f64 / want.len() as f64);
    }

    #[test]
    fn nothing_kept_trains_on_the_source_alone() {
        let data = TwoDomains::shifted(40, 24, 2.0).batches(10, 6);
        let mut bench = Workbench::new(ModelSpec::NORMALISED, data.clone(), 10, 0.1);
        let mut method = driver("pseudo-label", "threshold = 1.0", &bench.context());
        let before = bench.values();
        for report in bench.run(&mut *method, 0..10) {
            assert_eq!(measured(&report, "kept_share"), Some(0.0));
            assert_eq!(measured(&report, "pseudo_label_loss"), None);
            assert!(measured(&report, "class_loss").unwrap().is_finite());
        }
        let after = bench.values();
        assert_ne!(before, after);
        assert!(after.values().flatten().all(|value| value.is_finite()));

        // As if there were no such method at all.
        let mut alone = Workbench::new(ModelSpec::NORMALISED, data, 10, 0.1);
        alone.train_on_source(10);
        assert_eq!(after, alone.values());
    }

    #[test]
    fn labels_are_kept_within_a_round_and_renewed_at_its_end() {
        let mut bench = trained(12);
        let mut method = driver("pseudo-label", "threshold = 0.7\nrounds = 3", &bench.context());
        let mut labels = Vec::new();
        for step in 0..12 {
            let report = bench.step(&mut *method, step, false).unwrap();
            assert_eq!(measured(&report, "round"), (step % 4 == 0).then_some((step / 4) as f64));
            assert_eq!(measured(&report, "class_loss"), None);
            labels.push(method.state()[0].data.clone());
        }
        for round in labels.chunks(4) {
            assert!(round.iter().all(|labels| labels == &round[0]));
        }
        assert_ne!(labels[0], labels[11], "every round has the same labels: no test");
    }

    #[test]
    fn a_resumed_run_ends_where_the_uninterrupted_one_does() {
        let config = "threshold = 0.7\nrounds = 3\nclass_balanced = true";
        let mut bench = trained(12);
        let mut method = driver("pseudo-label", config, &bench.context());
        bench.run(&mut *method, 0..6);
        let (model, state) = (bench.tensors(), method.state());
        let rest = bench.run(&mut *method, 6..12);

        let mut resumed = trained(12);
        resumed.load(&model);
        let mut method = driver("pseudo-label", config, &resumed.context());
        method.load_state(state).unwrap();
        let again = resumed.run(&mut *method, 6..12);
        assert_eq!(resumed.values(), bench.values());
        for (again, rest) in again.iter().zip(&rest) {
            assert_eq!(again, rest);
        }
    }

    #[test]
    fn a_checkpoint_without_labels_is_refused_within_a_round() {
        let mut bench = trained(12);
        let mut method = driver("pseudo-label", "rounds = 3", &bench.context());
        method.load_state(Vec::new()).unwrap();
        let error = bench.step(&mut *method, 6, false).unwrap_err().to_string();
        assert!(error.contains("step 6 holds no pseudo-labels"), "{error}");

        let labels = NamedTensor {
            path: "pseudo_labels".to_owned(),
            data: burn::tensor::TensorData::new(vec![0.0_f32; 5], [5]),
        };
        method.load_state(vec![labels]).unwrap();
        let error = bench.step(&mut *method, 6, false).unwrap_err().to_string();
        assert!(error.contains("5 target samples, there are 24"), "{error}");
    }

    #[test]
    fn raises_the_accuracy_on_the_target() {
        let mut bench = trained(120);
        let before = bench.target_accuracy();
        let mut method = driver("pseudo-label", "threshold = 0.8", &bench.context());
        bench.run(&mut *method, 0..120);
        let after = bench.target_accuracy();
        println!("target accuracy: {before:.3} to {after:.3}");
        assert!(after > before, "{before} to {after}");
    }

    #[test]
    fn the_defaults_and_needs_are_declared() {
        let plugin = plugin(Kind::Method, "pseudo-label");
        assert_eq!(plugin.needs, Needs::TRAINED.alone().of_classes());
        assert_eq!((plugin.defaults)()["threshold"], 0.9);
        assert!(driver("pseudo-label", "", &trained(1).context()).state().is_empty());
        assert!(config_error("pseudo-label", "rounds = -1").contains("-1"));
    }
}
