//! Pseudo-labels above a confidence threshold, in rounds.

use isthmus_core::prelude::*;
use isthmus_core::registry::DriverPlugin;

use crate::label_loss::LabelLoss;
use crate::round_labels::RoundLabels;
use crate::self_training::{Selection, SelfTraining};

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
    /// What the threshold goes to, by equal steps from round to round; absent: it stays.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub last_threshold: Option<f64>,
    /// How often labels are assigned anew, in equal parts of the stage's iterations.
    #[schemars(range(min = 1))]
    pub rounds: usize,
    /// Whether batches hold equally many target samples of every predicted class, instead of as
    /// many as there are. Counters labels that gather in few classes.
    pub class_balanced: bool,
    /// The loss on pseudo-labelled samples.
    pub loss: LabelLoss,
    /// Factor of the loss on pseudo-labelled samples; the source's loss has factor 1.
    #[schemars(range(min = 0.0))]
    pub trade_off: f64,
}

impl Default for PseudoLabel {
    fn default() -> Self {
        Self {
            threshold: 0.9,
            last_threshold: None,
            rounds: 10,
            class_balanced: false,
            loss: LabelLoss::default(),
            trade_off: 1.0,
        }
    }
}

impl PluginConfig for PseudoLabel {}

impl DriverPlugin for PseudoLabel {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Driver>, MethodError> {
        let last = self.last_threshold.unwrap_or(self.threshold);
        Ok(Box::new(SelfTraining {
            selection: Selection::Confident { threshold: self.threshold, last },
            rounds: self.rounds,
            class_balanced: self.class_balanced,
            loss: self.loss,
            trade_off: self.trade_off,
            labels: RoundLabels::new("pseudo-label", context.outputs),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use burn::tensor::activation::softmax;
    use isthmus_core::named_tensor::NamedTensor;
    use isthmus_core::registry::{Kind, Needs};
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, driver, plugin};

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
    fn the_threshold_goes_from_the_first_to_the_last() {
        let mut bench = trained(12);
        let config = "threshold = 1.0\nlast_threshold = 0.0\nrounds = 3";
        let mut method = driver("pseudo-label", config, &bench.context());
        let reports = bench.run(&mut *method, 0..12);
        let shares: Vec<f64> = reports.iter().map(|report| report["kept_share"]).collect();
        assert_eq!((shares[0], shares[11]), (0.0, 1.0));
    }

    /// `1 - p` is at most 1 where the cross-entropy is not, and below it everywhere.
    #[test]
    fn another_loss_can_be_chosen() {
        let first_loss = |exponent: f64| {
            let mut bench = trained(12);
            let config = format!("threshold = 0.0\nloss = {{ exponent = {exponent:?} }}");
            let mut method = driver("pseudo-label", &config, &bench.context());
            bench.run(&mut *method, 0..1)[0]["pseudo_label_loss"]
        };
        let (entropy, error) = (first_loss(0.0), first_loss(1.0));
        assert!(0.0 < error && error < entropy && error < 1.0, "{error} and {entropy}");
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
