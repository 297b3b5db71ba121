//! DIRT-T: refinement of a trained model on the target.

use isthmus_core::context::{DomainRole, Grouping, Segment};
use isthmus_core::input::Input;
use isthmus_core::model::Model;
use isthmus_core::predictor::{ModelPredictor, Predictor};
use isthmus_core::prelude::*;
use isthmus_core::registry::DriverPlugin;
use isthmus_core::updater::Part;
use isthmus_losses::target::{divergence, entropy};

use crate::vat::{can_be_perturbed, smoothness};

inventory::submit! {
    Plugin::driver::<DirtT>(
        About {
            name: "dirt-t",
            summary: "Refines a trained model on the target, step by step near a teacher",
            paper: "Shu, Bui, Narui, Ermon: A DIRT-T approach to unsupervised domain adaptation, \
                    ICLR 2018",
        },
        Needs::TRAINED.alone().of_classes().without_source(),
    )
}

/// Decision-boundary iterative refinement training with a teacher: a second stage, after one that
/// trained the model (VADA in the paper: `dann`, `entropy` and `vat`). It sees no source sample:
/// the decision boundary is to keep away from where the target is dense, while each step of
/// refinement stays near the teacher's predictions.
///
/// The loss on a target batch is `teacher * KL(teacher ‖ model) + entropy * H(model) + vat *
/// KL(p(x) ‖ p(x + r))`, the last one as in the method `vat`. The teacher is the average of the
/// models, taken anew every `refresh_every` steps.
///
/// The average is what is evaluated, recorded and exported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DirtT {
    /// Factor of the divergence from the teacher's predictions. The paper multiplies this and the
    /// two factors below by 0.01, which Adam does not notice.
    #[schemars(range(min = 0.0))]
    pub teacher: f64,
    /// Factor of the predictions' entropy.
    #[schemars(range(min = 0.0))]
    pub entropy: f64,
    /// Factor of the divergence under adversarial perturbation.
    #[schemars(range(min = 0.0))]
    pub vat: f64,
    /// Steps after which the teacher is taken anew; before that it is the model the stage begins
    /// with. The published code takes it every 5000 of 80000 steps.
    #[schemars(range(min = 1))]
    pub refresh_every: usize,
    /// Share of the average that is kept at each step.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub decay: f64,
    /// Euclidean length of the perturbation of a whole input, in the inputs' own units; see `vat`.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub radius: f64,
    /// Length of the random perturbation from which the direction is found; see `vat`.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub xi: f64,
}

impl Default for DirtT {
    fn default() -> Self {
        Self {
            teacher: 1.0,
            entropy: 1.0,
            vat: 1.0,
            refresh_every: 500,
            decay: 0.998,
            radius: 3.5,
            xi: 0.1,
        }
    }
}

impl PluginConfig for DirtT {}

impl DriverPlugin for DirtT {
    fn build(&self, _context: &MethodContext) -> Result<Box<dyn Driver>, MethodError> {
        Ok(Box::new(Refinement { config: self.clone(), models: None }))
    }
}

/// The driver.
struct Refinement {
    config: DirtT,
    /// There once the stage has begun.
    models: Option<Models>,
}

/// What the model is compared with.
struct Models {
    teacher: Model,
    average: Model,
}

impl Refinement {
    fn models(&mut self) -> Result<&mut Models, MethodError> {
        self.models.as_mut().ok_or_else(|| {
            MethodError::Unsuitable("`dirt-t` has not begun: it has no teacher".to_owned())
        })
    }

    /// What the teacher predicts of the target rows `[rows, outputs]`, off the tape.
    fn teach(&mut self, step: &Step<'_>, input: &Input) -> Result<Tensor<2>, MethodError> {
        let input = input.clone().inner();
        let segment = Segment { domain: DomainRole::Target, rows: input.rows() };
        let context = step.stage.evaluation_context(vec![segment]);
        Ok(self.models()?.teacher.evaluation_copy().forward(input, &context).logits)
    }
}

impl Models {
    /// Makes the average the teacher.
    fn refresh(&mut self) -> Result<(), MethodError> {
        let average = self.average.parts();
        for (own, leader) in self.teacher.parts().into_iter().zip(average) {
            own.network.follow(&*leader.network, 0.0)?;
        }
        Ok(())
    }

    /// Moves the average towards the model.
    fn follow(&mut self, model: &mut Model, keep: f64) -> Result<(), MethodError> {
        for (own, leader) in self.average.parts().into_iter().zip(model.parts()) {
            own.network.follow(&*leader.network, keep)?;
        }
        Ok(())
    }
}

impl Method for Refinement {
    fn networks(&mut self) -> Vec<Part<'_>> {
        let Some(Models { teacher, average }) = &mut self.models else { return Vec::new() };
        let teacher = teacher.parts().into_iter().map(|part| part.below("teacher"));
        teacher.chain(average.parts().into_iter().map(|part| part.below("average"))).collect()
    }

    fn predictor(&mut self, _model: &Model, grouping: Grouping) -> Option<Box<dyn Predictor>> {
        let average = &self.models.as_ref()?.average;
        Some(Box::new(ModelPredictor::new(average, grouping)))
    }
}

impl Driver for Refinement {
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        let copy = || stage.model.training_copy();
        self.models = Some(Models { teacher: copy(), average: copy() });
        Ok(())
    }

    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        let refreshes = step.number > 0 && step.number.is_multiple_of(self.config.refresh_every);
        if refreshes && step.is_first_batch() {
            self.models()?.refresh()?;
        }
        let (data, device) = (step.stage.data, step.stage.device.clone());
        let input = data.target_batch(step.batch_number(), &device)?.input;
        let rows = input.rows();
        let segments = vec![Segment { domain: DomainRole::Target, rows }];
        can_be_perturbed("dirt-t", &input)?;
        let logits = step.first_pass(input.clone(), segments.clone()).logits;
        let taught = self.teach(step, &input)?;
        let &DirtT { radius, xi, .. } = &self.config;
        let parts = [
            ("teacher_divergence", self.config.teacher, divergence(taught, logits.clone())),
            ("entropy", self.config.entropy, entropy(logits)),
            ("vat_loss", self.config.vat, smoothness(step, &input, segments, 0..rows, xi, radius)),
        ];
        let mut loss = Tensor::zeros([1], &device);
        for (name, factor, part) in parts {
            if step.measure {
                step.note(name, part.clone().into_scalar::<f64>());
            }
            loss = loss + part.mul_scalar(factor);
        }
        step.update(&loss, Vec::new())?;
        if step.is_last_batch() {
            let keep = self.config.decay;
            self.models()?.follow(step.stage.model, keep)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_core::updater::part_tensors;
    use isthmus_testing::{ModelSpec, TwoDomains, Workbench, config_error, driver, plugin};

    use super::*;

    /// A model trained on the source.
    fn trained(steps: usize) -> Workbench {
        let spec = ModelSpec {
            extractor: ("mlp", "hidden = [8, 6]\nbatch_norm = false"),
            ..ModelSpec::NORMALISED
        };
        let data = TwoDomains::shifted(40, 24, 3.0).batches(20, 12);
        let mut bench = Workbench::new(spec, data, steps, 0.1);
        bench.train_on_source(100);
        bench
    }

    fn begun(bench: &mut Workbench, config: &str) -> Box<dyn Driver> {
        let mut method = driver("dirt-t", config, &bench.context());
        method.begin(&mut bench.stage()).unwrap();
        method
    }

    fn values(method: &mut dyn Driver, owner: &str) -> Vec<f32> {
        let parts = method.networks();
        let parts = parts.into_iter().filter(|part| part.name.starts_with(owner)).collect();
        let tensors = part_tensors(parts).into_iter();
        tensors.flat_map(|tensor| tensor.data.iter::<f32>().collect::<Vec<_>>()).collect()
    }

    #[test]
    fn the_teacher_is_the_average_of_the_last_refreshment() {
        let mut bench = trained(8);
        let mut method = begun(&mut bench, "refresh_every = 4\nradius = 0.5\ndecay = 0.5");
        let start = values(&mut *method, "teacher");
        assert_eq!(start, values(&mut *method, "average"));
        for number in 0..4 {
            bench.step(&mut *method, number, false).unwrap();
            assert_eq!(values(&mut *method, "teacher"), start);
        }
        let average = values(&mut *method, "average");
        assert_ne!(average, start);
        bench.step(&mut *method, 4, false).unwrap();
        assert_eq!(values(&mut *method, "teacher"), average);
        assert_ne!(values(&mut *method, "average"), average);
    }

    #[test]
    fn the_average_predicts() {
        let mut bench = trained(3);
        let mut method = begun(&mut bench, "radius = 0.5\ndecay = 0.5");
        bench.run(&mut *method, 0..3);
        let mut predictor = method.predictor(&bench.model, Grouping::Shared).unwrap();
        let predicts = predictor.tensors().into_iter();
        let predicts: Vec<f32> =
            predicts.flat_map(|tensor| tensor.data.iter::<f32>().collect::<Vec<_>>()).collect();
        assert_eq!(predicts, values(&mut *method, "average"));
    }

    /// With the teacher alone the model, which equals it, has no reason to move.
    #[test]
    fn the_teacher_alone_holds_the_model() {
        let mut bench = trained(5);
        let before = bench.values();
        let mut method = begun(&mut bench, "entropy = 0.0\nvat = 0.0");
        let reports = bench.run(&mut *method, 0..5);
        assert!(reports.iter().all(|report| report["teacher_divergence"].abs() < 1e-6));
        for (name, after) in bench.values() {
            for (before, after) in before[&name].iter().zip(after) {
                assert!((before - after).abs() < 1e-5, "{name}: {before} to {after}");
            }
        }
    }

    #[test]
    fn the_boundary_leaves_dense_places() {
        let mut bench = trained(100);
        let before = bench.target_accuracy();
        let config = "radius = 0.5\nrefresh_every = 20\ndecay = 0.9";
        let mut method = begun(&mut bench, config);
        let reports = bench.run(&mut *method, 0..100);
        let after = bench.target_accuracy();
        println!("target accuracy: {before:.3} to {after:.3}");
        let (first, last) = (&reports[0], &reports[99]);
        assert!(last["entropy"] < 0.5 * first["entropy"], "{first:?} to {last:?}");
        assert!(last["vat_loss"] < first["vat_loss"], "{first:?} to {last:?}");
        assert!(after >= before, "{before} to {after}");
    }

    #[test]
    fn it_needs_a_trained_model_and_refuses_wrong_settings() {
        assert_eq!(
            plugin(Kind::Method, "dirt-t").needs,
            Needs::TRAINED.alone().of_classes().without_source()
        );
        assert!(config_error("dirt-t", "refresh_every = 0").contains("refresh_every"));
        assert!(config_error("dirt-t", "radius = 0.0").contains("must be > 0"));
    }
}
