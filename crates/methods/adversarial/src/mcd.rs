//! Maximum classifier discrepancy.

use isthmus_core::context::{Context, Grouping};
use isthmus_core::model::{Model, ModelOutput};
use isthmus_core::parts::Classifier;
use isthmus_core::predictor::Predictor;
use isthmus_core::prelude::*;
use isthmus_core::registry::DriverPlugin;
use isthmus_core::step::Joint;
use isthmus_core::updater::{Part, Role};
use isthmus_losses::adversarial::{class_balance, classifier_discrepancy};

use crate::both_classifiers::BothClassifiers;

inventory::submit! {
    Plugin::driver::<Mcd>(
        About {
            name: "mcd",
            summary: "Two classifiers find where the target is unlike the source; features move it \
                      away from there",
            paper: "Saito, Watanabe, Ushiku, Harada: Maximum classifier discrepancy for \
                    unsupervised domain adaptation, CVPR 2018",
        },
        Needs::NOTHING.of_classes(),
    )
}

/// A second classifier, built as the experiment's with other initial weights, learns beside the
/// first. Each step has three phases, with `d = mean |p1 - p2|` the discrepancy of both classifiers'
/// probabilities on the target.
///
/// In the first, everything learns the source by both classifiers: `L1 + L2`, and the stage's terms.
///
/// In the second, the classifiers learn to disagree on the target and to stay right on the source:
/// `L1 + L2 - w d`; the features stay.
///
/// In the third, the features (extractor and bottleneck) learn, `feature_steps` times, to leave no
/// room for disagreement: `w d`; the classifiers stay.
///
/// It predicts by both classifiers: the mean of their logits, whose largest is that of the sum that
/// the authors' code predicts by. The following stage starts from the model with its first
/// classifier.
///
/// The later phases make passes of their own, with dropout masks of their own; running statistics of
/// norm layers move in the first. Terms beside it weigh source rows in all phases, if they do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mcd {
    /// Updates of the features in the third phase. The paper tries 2 to 4; tllib has 4.
    #[schemars(range(min = 1))]
    pub feature_steps: usize,
    /// The factor `w` of the discrepancy. 1 in the paper; tllib's script for Office-31 has 10.
    #[schemars(range(min = 0.0))]
    pub discrepancy_weight: f64,
    /// Factor of `-mean_k log(mean_i p_ik + 1e-6)` of both classifiers on the target, in the
    /// first two phases: keeps all classes in use. The paper has it for large shifts only; 0 leaves
    /// it out.
    #[schemars(range(min = 0.0))]
    pub class_balance: f64,
}

impl Default for Mcd {
    fn default() -> Self {
        Self { feature_steps: 4, discrepancy_weight: 1.0, class_balance: 0.01 }
    }
}

impl PluginConfig for Mcd {}

impl DriverPlugin for Mcd {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Driver>, MethodError> {
        let second = context.fresh_classifier("second")?;
        Ok(Box::new(Discrepancy { config: self.clone(), second }))
    }
}

/// The driver.
struct Discrepancy {
    config: Mcd,
    second: Box<dyn Classifier>,
}

/// Logits of both classifiers.
struct Logits([Tensor<2>; 2]);

impl Logits {
    fn rows(&self, first: usize, rows: usize) -> [Tensor<2>; 2] {
        [0, 1].map(|head| self.0[head].clone().narrow(0, first, rows))
    }
}

impl Discrepancy {
    /// Phase 1.
    fn learn_source(&mut self, step: &mut Step<'_>, joint: &Joint) -> Result<(), MethodError> {
        let first_loss = step.loss()?;
        let context = step.network_context(joint.segments.clone());
        let features = joint.features.clone();
        let second = self.second.forward(features.clone(), &context);
        let logits = Logits([joint.logits.clone(), second.clone()]);
        let output = ModelOutput::new(features, second);
        let loss = step.source_loss(&output.rows(0, joint.source_rows), &joint.targets)?;
        if step.measure {
            step.note("second_loss", loss.clone().into_scalar::<f64>());
        }
        let loss = first_loss + loss + self.balance(&logits, joint);
        step.update(&loss, self.networks())
    }

    /// Phase 2.
    fn separate_classifiers(
        &mut self,
        step: &mut Step<'_>,
        joint: &Joint,
    ) -> Result<(), MethodError> {
        let context = step.pass_context(joint.segments.clone());
        let features = step.stage.model.features(joint.input.clone(), &context).detach();
        let logits = self.logits(step, features.clone(), &context);
        let mut loss = self.balance(&logits, joint);
        for logits in &logits.0 {
            let output = ModelOutput::new(features.clone(), logits.clone());
            let source = output.rows(0, joint.source_rows);
            loss = loss + step.source_loss(&source, &joint.targets)?;
        }
        let discrepancy = target_discrepancy(&logits, joint);
        if step.measure {
            step.note("discrepancy", discrepancy.clone().into_scalar::<f64>());
        }
        let loss = loss - discrepancy.mul_scalar(self.config.discrepancy_weight);
        step.update_only(&loss, &[Role::Classifier], self.networks())
    }

    /// One of the updates of phase 3; returns the discrepancy before it.
    fn move_features(
        &mut self,
        step: &mut Step<'_>,
        joint: &Joint,
    ) -> Result<Tensor<1>, MethodError> {
        let context = step.pass_context(joint.segments.clone());
        let features = step.stage.model.features(joint.input.clone(), &context);
        let logits = self.logits(step, features, &context);
        let discrepancy = target_discrepancy(&logits, joint);
        let loss = discrepancy.clone().mul_scalar(self.config.discrepancy_weight);
        step.update_only(&loss, &[Role::Extractor, Role::Bottleneck], Vec::new())?;
        Ok(discrepancy)
    }

    fn logits(&mut self, step: &mut Step<'_>, features: Tensor<2>, context: &Context) -> Logits {
        let first = step.stage.model.classifier.forward(features.clone(), context);
        Logits([first, self.second.forward(features, context)])
    }

    fn balance(&self, logits: &Logits, joint: &Joint) -> Tensor<1> {
        let [first, second] = logits.rows(joint.source_rows, joint.target_rows);
        (class_balance(first) + class_balance(second)).mul_scalar(self.config.class_balance)
    }
}

fn target_discrepancy(logits: &Logits, joint: &Joint) -> Tensor<1> {
    let [first, second] = logits.rows(joint.source_rows, joint.target_rows);
    classifier_discrepancy(first, second)
}

impl Method for Discrepancy {
    fn networks(&mut self) -> Vec<Part<'_>> {
        vec![Part::new("second", Role::Classifier, &mut *self.second)]
    }

    fn predictor(&mut self, model: &Model, grouping: Grouping) -> Option<Box<dyn Predictor>> {
        Some(Box::new(BothClassifiers::of(model, &*self.second, grouping)))
    }
}

impl Driver for Discrepancy {
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        let features = stage.model.parts().into_iter().filter(|part| part.role != Role::Classifier);
        if features.map(|part| part.network.parameter_count()).sum::<usize>() > 0 {
            return Ok(());
        }
        Err(MethodError::Unsuitable(
            "`mcd` moves features, and this model has nothing that makes them: add a `[bottleneck]`, \
             or an extractor that is trained"
                .to_owned(),
        ))
    }

    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        let joint = step.joint()?;
        // Probabilities of classes are compared.
        joint.source_classes()?;
        if joint.target_rows == 0 {
            return Err(MethodError::Unsuitable(
                "`mcd` needs target rows in a batch, this one has none".to_owned(),
            ));
        }
        self.learn_source(step, &joint)?;
        self.separate_classifiers(step, &joint)?;
        for update in 1..=self.config.feature_steps {
            let discrepancy = self.move_features(step, &joint)?;
            if step.measure && update == self.config.feature_steps {
                step.note("discrepancy_moved", discrepancy.into_scalar::<f64>());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::context::DomainRole;
    use isthmus_core::registry::Kind;
    use isthmus_core::stage::SampleView;
    use isthmus_core::updater::part_tensors;
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, driver, plugin};

    use super::*;

    fn bench(steps: usize) -> Workbench {
        let data = TwoDomains::shifted(40, 24, 2.0).batches(20, 12);
        Workbench::new(ModelSpec::NORMALISED, data, steps, 0.1)
    }

    fn predicted(bench: &mut Workbench, driver: &mut dyn Driver) -> ModelOutput {
        let rows: Vec<usize> = (0..bench.data.target_labels.len()).collect();
        let device = burn::tensor::Device::flex();
        let stage = bench.stage();
        let batch = stage.data.target_at(&rows, SampleView::Plain, &device).unwrap();
        let mut predictor = driver.predictor(stage.model, Grouping::Shared).unwrap();
        predictor.predict(batch.input, DomainRole::Target)
    }

    fn accuracy(bench: &mut Workbench, driver: &mut dyn Driver) -> f64 {
        let classes = predicted(bench, driver).logits.argmax(1).into_data();
        let labels = bench.data.target_labels.iter().map(|&label| i64::from(label));
        let right = classes.iter::<i64>().zip(labels).filter(|(found, label)| found == label);
        right.count() as f64 / bench.data.target_labels.len() as f64
    }

    #[test]
    fn the_two_classifiers_start_apart() {
        let mut bench = bench(1);
        let mut mcd = driver("mcd", "", &bench.context());
        let first = bench.model.classifier.tensors();
        let second = mcd.networks()[0].network.tensors();
        assert_eq!(first[0].path, second[0].path);
        assert_ne!(first[0].data, second[0].data);
        let reports = bench.run(&mut *mcd, 0..1);
        assert!(reports[0]["discrepancy"] > 1e-3, "{:?}", reports[0]);
    }

    /// What a step changes when the phases around one of them are switched off.
    #[test]
    fn the_features_stay_in_the_second_phase_and_the_classifiers_in_the_third() {
        let mut bench = bench(1);
        let mut method = Discrepancy {
            config: Mcd::default(),
            second: bench.context().fresh_classifier("second").unwrap(),
        };
        let mut changed = |phase: &mut dyn FnMut(&mut Discrepancy, &mut Step<'_>, &Joint)| {
            let values = |bench: &mut Workbench, method: &mut Discrepancy| {
                let second = part_tensors(method.networks());
                (bench.values(), second.into_iter().map(|own| own.data).collect::<Vec<_>>())
            };
            let (before, second_before) = values(&mut bench, &mut method);
            let mut step = Step::new(bench.stage(), 0, 0, false);
            let joint = step.joint().unwrap();
            phase(&mut method, &mut step, &joint);
            let (after, second_after) = values(&mut bench, &mut method);
            let statistics = ["mean", "variance", "seen"];
            let mut parts: Vec<String> = after
                .into_iter()
                .filter(|(name, values)| before[name] != *values)
                .filter(|(name, _)| !statistics.iter().any(|field| name.ends_with(field)))
                .filter_map(|(name, _)| name.split('.').next().map(str::to_owned))
                .collect();
            parts.dedup();
            (parts, second_before != second_after)
        };
        let second = changed(&mut |method, step, joint| {
            method.separate_classifiers(step, joint).unwrap();
        });
        assert_eq!(second, (vec!["classifier".to_owned()], true));
        let third = changed(&mut |method, step, joint| {
            method.move_features(step, joint).unwrap();
        });
        assert_eq!(third, (vec!["extractor".to_owned()], false));
        let first = changed(&mut |method, step, joint| {
            method.learn_source(step, joint).unwrap();
        });
        assert_eq!(first, (vec!["classifier".to_owned(), "extractor".to_owned()], true));
    }

    #[test]
    fn the_features_leave_less_room_for_disagreement() {
        let mut bench = bench(80);
        let mut mcd = driver("mcd", "", &bench.context());
        let reports = bench.run(&mut *mcd, 0..80);
        let mean = |range: std::ops::Range<usize>| {
            let all = reports[range.clone()].iter().map(|report| report["discrepancy_moved"]);
            all.sum::<f64>() / range.len() as f64
        };
        assert!(mean(60..80) < mean(0..20), "{} to {}", mean(0..20), mean(60..80));
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        let bench = || {
            let data = TwoDomains::shifted(40, 24, 3.0).batches(20, 12);
            Workbench::new(ModelSpec::NORMALISED, data, 200, 0.1)
        };
        let mut alone = bench();
        alone.train_on_source(200);
        let before = alone.target_accuracy();
        let mut bench = bench();
        let config = "class_balance = 0.3\nfeature_steps = 2";
        let mut mcd = driver("mcd", config, &bench.context());
        bench.run(&mut *mcd, 0..200);
        let after = accuracy(&mut bench, &mut *mcd);
        println!("target accuracy: {before:.3} without, {after:.3} with");
        assert!(after > before, "{before} to {after}");
        assert!(bench.source_accuracy() > 0.9, "{}", bench.source_accuracy());
    }

    #[test]
    fn terms_beside_it_count() {
        let train = |term: bool| {
            let mut bench = bench(5);
            let mut mcd = driver("mcd", "", &bench.context());
            if term {
                bench.add_term("features", Box::new(SmallFeatures));
            }
            let reports = bench.run(&mut *mcd, 0..5);
            (bench.values(), reports)
        };
        let ((alone, _), (beside, reports)) = (train(false), train(true));
        assert_ne!(alone, beside);
        assert!(reports[4]["features/loss"] > 0.0);
    }

    /// Pulls features to 0.
    struct SmallFeatures;

    impl Method for SmallFeatures {}

    impl Term for SmallFeatures {
        fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
            Ok(step.joint()?.features.clone().square().mean())
        }
    }

    /// Takes every source row out of the loss.
    struct NoRows;

    impl Method for NoRows {}

    impl Term for NoRows {
        fn source_weights(
            &mut self,
            _step: &mut Step<'_>,
            joint: &Joint,
        ) -> Result<Option<Tensor<1>>, MethodError> {
            Ok(Some(Tensor::zeros([joint.source_rows], &joint.features.device())))
        }

        fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
            Ok(step.joint()?.features.clone().sum().mul_scalar(0.0))
        }
    }

    #[test]
    fn terms_weigh_the_source_rows_of_both_classifiers() {
        let mut bench = bench(1);
        let mut mcd = driver("mcd", "class_balance = 0.0", &bench.context());
        bench.add_term("none", Box::new(NoRows));
        let report = bench.step(&mut *mcd, 0, true).unwrap();
        assert_eq!((report["class_loss"], report["second_loss"]), (0.0, 0.0));
    }

    #[test]
    fn predicts_by_the_mean_of_both() {
        let mut bench = bench(3);
        let mut mcd = driver("mcd", "", &bench.context());
        bench.run(&mut *mcd, 0..3);
        let output = predicted(&mut bench, &mut *mcd);
        let model = bench.stage().predict_target().unwrap();
        assert_ne!(output.logits.to_data(), model.to_data());
        let mut predictor = mcd.predictor(&bench.model, Grouping::Shared).unwrap();
        let tensors = predictor.tensors();
        assert!(tensors.iter().any(|tensor| tensor.path.starts_with("second.")));
        assert!(tensors.iter().any(|tensor| tensor.path.starts_with("classifier.")));
        // Another method's predictor with these tensors is this one.
        let mut other = driver("mcd", "", &self::bench(3).context());
        let mut loaded = other.predictor(&self::bench(3).model, Grouping::Shared).unwrap();
        let map = tensors.into_iter().map(|tensor| (tensor.path, tensor.data)).collect();
        loaded.load(&map).unwrap();
        let rows: Vec<usize> = (0..24).collect();
        let device = burn::tensor::Device::flex();
        let batch = bench.data.clone();
        let stage_data: &dyn isthmus_core::stage::StageData = &batch;
        let input = stage_data.target_at(&rows, SampleView::Plain, &device).unwrap().input;
        let again = loaded.predict(input, DomainRole::Target);
        assert_eq!(again.logits.to_data(), output.logits.to_data());
    }

    #[test]
    fn what_it_cannot_work_with_is_refused() {
        let spec = ModelSpec { extractor: ("identity", ""), ..ModelSpec::NORMALISED };
        let mut bench = Workbench::new(spec, TwoDomains::shifted(8, 8, 1.0), 1, 0.1);
        let mut mcd = driver("mcd", "", &bench.context());
        let error = mcd.begin(&mut bench.stage()).unwrap_err().to_string();
        assert!(error.contains("nothing that makes them"), "{error}");
        assert!(config_error("mcd", "feature_steps = 0").contains("feature_steps"));
        assert!(!plugin(Kind::Method, "mcd").needs.alone, "terms can be beside it");
    }
}
