//! A mean teacher: self-ensembling.

use isthmus_core::context::Grouping;
use isthmus_core::model::Model;
use isthmus_core::predictor::{ModelPredictor, Predictor};
use isthmus_core::prelude::*;
use isthmus_core::registry::DriverPlugin;
use isthmus_core::stage::SampleView;
use isthmus_core::step::Joint;
use isthmus_core::updater::Part;
use isthmus_losses::target::{class_balance_cross_entropy, consistency, pseudo_labels};

inventory::submit! {
    Plugin::driver::<MeanTeacher>(
        About {
            name: "mean-teacher",
            summary: "The model is to predict as an average of its earlier selves, which is judged",
            paper: "French, Mackiewicz, Fisher: Self-ensembling for visual domain adaptation, ICLR \
                    2018; after Tarvainen, Valpola: Mean teachers are better role models, NIPS 2017",
        },
        Needs::NOTHING.of_classes(),
    )
}

/// A teacher, whose weights and statistics are moving averages of the model's, predicts another
/// view of each target row, and the model, the student, is to predict the same.
///
/// The loss is the class loss on the source, the stage's terms, and `ramp * consistency * mean_i
/// [max_k t_ik > threshold] mean_k (p_ik - t_ik)^2 + class_balance * BCE(mean_i p_ik, 1 / classes)`
/// with `p` and `t` the probabilities of student and teacher. After each update the teacher is
/// `decay * teacher + (1 - decay) * student`.
///
/// Both see the source rows too, so that norm layers take like statistics; `training.normalization
/// = "separate"` or `"per-domain"` keeps the domains apart there, which the paper finds to matter.
/// Views differ by the data's random transforms, if there are any, and by dropout.
///
/// The teacher is what is evaluated, recorded and exported. A following stage starts from the
/// student, as every stage starts from the model that the one before it trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MeanTeacher {
    /// Share of the teacher that is kept at each step. At first it is less, `1 - 1 / step`, so that
    /// the teacher is not made of initial weights.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub decay: f64,
    /// Factor of the consistency, once the ramp is over.
    #[schemars(range(min = 0.0))]
    pub consistency: f64,
    /// Share of the stage's iterations over which that factor rises, as `exp(-5 (1 - t)^2)`; 0
    /// begins with the whole factor.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub ramp_up: f64,
    /// Rows count where the teacher's largest probability exceeds this; 0 counts all. The paper
    /// uses 0.968 in place of a ramp, tllib 0.8.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub threshold: f64,
    /// Factor of the binary cross-entropy between the student's mean prediction on the target and
    /// the even spread: keeps all classes in use. 0 leaves it out, as where classes are far from
    /// equally frequent.
    #[schemars(range(min = 0.0))]
    pub class_balance: f64,
}

impl Default for MeanTeacher {
    fn default() -> Self {
        Self { decay: 0.99, consistency: 3.0, ramp_up: 0.25, threshold: 0.8, class_balance: 0.01 }
    }
}

impl PluginConfig for MeanTeacher {}

impl DriverPlugin for MeanTeacher {
    fn build(&self, _context: &MethodContext) -> Result<Box<dyn Driver>, MethodError> {
        Ok(Box::new(SelfEnsembling { config: self.clone(), teacher: None }))
    }
}

/// The driver.
struct SelfEnsembling {
    config: MeanTeacher,
    /// There once the stage has begun.
    teacher: Option<Model>,
}

impl SelfEnsembling {
    /// Share of the consistency's factor at `step`.
    fn ramp(&self, step: usize, total_steps: usize) -> f64 {
        let end = self.config.ramp_up * total_steps as f64;
        if step as f64 >= end {
            return 1.0;
        }
        let left = 1.0 - step as f64 / end;
        (-5.0 * left * left).exp()
    }

    /// What the teacher predicts of another view of the target rows `[target, outputs]`, off the
    /// tape.
    fn teach(&mut self, step: &mut Step<'_>, joint: &Joint) -> Result<Tensor<2>, MethodError> {
        let device = step.stage.device.clone().inner();
        let view = SampleView::Weak(step.key().named("view"));
        let target = step.stage.data.target_at(&joint.target_indices, view, &device)?.input;
        let source = joint.source_input();
        let source = source.inner();
        let context = step.pass_context(joint.segments.clone());
        let mut teacher = self.teacher()?.evaluation_copy();
        let output = teacher.forward(source.concatenate(target), &context);
        Ok(output.rows(joint.source_rows, joint.target_rows).logits)
    }

    fn follow(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        let keep = self.config.decay.min(1.0 - 1.0 / (step.number + 1) as f64);
        let teacher = self.teacher()?.parts();
        for (own, leader) in teacher.into_iter().zip(step.stage.model.parts()) {
            own.network.follow(&*leader.network, keep)?;
        }
        Ok(())
    }

    fn teacher(&mut self) -> Result<&mut Model, MethodError> {
        self.teacher.as_mut().ok_or_else(|| {
            MethodError::Unsuitable("`mean-teacher` has not begun: it has no teacher".to_owned())
        })
    }
}

impl Method for SelfEnsembling {
    fn networks(&mut self) -> Vec<Part<'_>> {
        let parts = self.teacher.iter_mut().flat_map(Model::parts);
        parts.map(|part| part.below("teacher")).collect()
    }

    fn predictor(&mut self, _model: &Model, grouping: Grouping) -> Option<Box<dyn Predictor>> {
        let teacher = self.teacher.as_ref()?;
        Some(Box::new(ModelPredictor::new(teacher, grouping)))
    }
}

impl Driver for SelfEnsembling {
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        self.teacher = Some(stage.model.training_copy());
        Ok(())
    }

    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        let joint = step.joint()?;
        // Probabilities of classes are compared.
        joint.source_classes()?;
        let mut loss = step.loss()?;
        let taught = self.teach(step, &joint)?;
        let mask = pseudo_labels(taught.clone(), self.config.threshold).mask;
        let ramp = self.ramp(step.number, step.stage.total_steps);
        if step.measure {
            step.note("confident_share", mask.clone().mean().into_scalar::<f64>());
            step.note("ramp", ramp);
        }
        let difference = consistency(joint.target_logits(), taught, mask);
        if step.measure {
            step.note("consistency", difference.clone().into_scalar::<f64>());
        }
        loss = loss + difference.mul_scalar(ramp * self.config.consistency);
        if self.config.class_balance > 0.0 {
            let balance = class_balance_cross_entropy(joint.target_logits());
            loss = loss + balance.mul_scalar(self.config.class_balance);
        }
        step.update(&loss, Vec::new())?;
        if step.is_last_batch() { self.follow(step) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::updater::{load_parts, part_tensors};
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, driver};

    use super::*;

    fn bench(steps: usize) -> Workbench {
        let spec = ModelSpec {
            extractor: ("mlp", "hidden = [8, 6]\ndropout = 0.2"),
            ..ModelSpec::NORMALISED
        };
        let data = TwoDomains::shifted(40, 24, 2.0).batches(20, 12);
        Workbench::new(spec, data, steps, 0.1)
    }

    fn begun(bench: &mut Workbench, config: &str) -> Box<dyn Driver> {
        let mut teacher = driver("mean-teacher", config, &bench.context());
        teacher.begin(&mut bench.stage()).unwrap();
        teacher
    }

    fn tensors(parts: Vec<Part<'_>>) -> Vec<(String, Vec<f32>)> {
        let tensors = part_tensors(parts).into_iter();
        tensors.map(|own| (own.path, own.data.iter::<f32>().collect())).collect()
    }

    /// The share of target rows whose class the teacher finds.
    fn accuracy(bench: &mut Workbench, driver: &mut dyn Driver) -> f64 {
        let student = part_tensors(bench.model.parts());
        let mut predictor = driver.predictor(&bench.model, Grouping::Shared).unwrap();
        let teacher = predictor.tensors().into_iter().map(|own| (own.path, own.data)).collect();
        load_parts(bench.model.parts(), &teacher).unwrap();
        let found = bench.target_accuracy();
        let student = student.into_iter().map(|own| (own.path, own.data)).collect();
        load_parts(bench.model.parts(), &student).unwrap();
        found
    }

    #[test]
    fn the_teacher_is_the_average_of_the_students() {
        let mut bench = bench(10);
        let mut method = begun(&mut bench, "decay = 0.7");
        let mut want: Vec<f64> = Vec::new();
        for number in 0..6 {
            bench.step(&mut *method, number, false).unwrap();
            let student: Vec<f32> =
                tensors(bench.model.parts()).into_iter().flat_map(|(_, values)| values).collect();
            let keep = 0.7_f64.min(1.0 - 1.0 / (number + 1) as f64);
            want.resize(student.len(), 0.0);
            for (want, student) in want.iter_mut().zip(student) {
                *want = keep * *want + (1.0 - keep) * f64::from(student);
            }
        }
        let teacher = tensors(method.networks());
        assert!(teacher.iter().all(|(name, _)| name.starts_with("teacher.")));
        let found = teacher.iter().flat_map(|(_, values)| values);
        for (found, want) in found.zip(&want) {
            assert!(
                (f64::from(*found) - want).abs() < 1e-5 * want.abs().max(1.0),
                "{found}, {want}"
            );
        }
    }

    #[test]
    fn the_teacher_predicts_under_the_models_names() {
        let mut bench = bench(4);
        let mut method = begun(&mut bench, "");
        bench.run(&mut *method, 0..4);
        let mut predictor = method.predictor(&bench.model, Grouping::Shared).unwrap();
        let predicts: Vec<(String, Vec<f32>)> = predictor
            .tensors()
            .into_iter()
            .map(|own| (own.path, own.data.iter::<f32>().collect()))
            .collect();
        let (student, teacher) = (tensors(bench.model.parts()), tensors(method.networks()));
        let names =
            |all: &[(String, Vec<f32>)]| all.iter().map(|own| own.0.clone()).collect::<Vec<_>>();
        assert_eq!(names(&predicts), names(&student));
        assert_ne!(predicts, student);
        let values =
            |all: Vec<(String, Vec<f32>)>| all.into_iter().map(|own| own.1).collect::<Vec<_>>();
        assert_eq!(values(predicts), values(teacher));
    }

    #[test]
    fn the_ramp_rises_to_the_whole_factor() {
        let config = MeanTeacher { ramp_up: 0.5, ..MeanTeacher::default() };
        let mut method = SelfEnsembling { config, teacher: None };
        let ramp: Vec<f64> = [0, 25, 49, 50, 99].map(|step| method.ramp(step, 100)).into();
        assert!((ramp[0] - (-5.0_f64).exp()).abs() < 1e-12);
        assert!((ramp[1] - (-1.25_f64).exp()).abs() < 1e-12);
        assert!(ramp[2] < 1.0 && ramp[3..] == [1.0, 1.0], "{ramp:?}");
        method.config.ramp_up = 0.0;
        assert_eq!(method.ramp(0, 100), 1.0);
    }

    #[test]
    fn a_threshold_that_nobody_exceeds_leaves_supervised_training() {
        let train = |config: &str| {
            let mut bench = bench(5);
            let mut method = begun(&mut bench, config);
            let reports = bench.run(&mut *method, 0..5);
            (bench.values(), reports)
        };
        let (none, reports) = train("threshold = 1.0\nclass_balance = 0.0");
        assert!(reports.iter().all(|report| report["confident_share"] == 0.0));
        assert_eq!(none, train("consistency = 0.0\nclass_balance = 0.0").0);
        let (all, reports) = train("threshold = 0.0\nramp_up = 0.0\nclass_balance = 0.0");
        assert!(reports.iter().all(|report| report["confident_share"] == 1.0));
        assert_ne!(none, all);
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        let mut alone = bench(150);
        alone.train_on_source(150);
        let before = alone.target_accuracy();
        let mut bench = bench(150);
        let mut method = begun(&mut bench, "decay = 0.9\nthreshold = 0.6");
        bench.run(&mut *method, 0..150);
        let after = accuracy(&mut bench, &mut *method);
        println!("target accuracy: {before:.3} without, {after:.3} by the teacher");
        assert!(after > before, "{before} to {after}");
    }

    #[test]
    fn wrong_configurations_are_refused() {
        assert!(config_error("mean-teacher", "decay = 1.5").contains("decay"));
        assert!(config_error("mean-teacher", "ramp_up = 2").contains("ramp_up"));
        assert!(config_error("mean-teacher", "alpha = 0.9").contains("`alpha` is not a field"));
    }
}
