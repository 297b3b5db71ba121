//! A model with an optimizer and data, and the drivers of methods.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use isthmus_core::context::{DomainRole, NormPolicy, Segment};
use isthmus_core::error::MethodError;
use isthmus_core::input::InputShape;
use isthmus_core::method::{Driver, MethodContext, Term};
use isthmus_core::metric::Measurement;
use isthmus_core::model::Model;
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::objective::Objective;
use isthmus_core::parts::BuildContext;
use isthmus_core::random::Key;
use isthmus_core::registry::{BottleneckKind, ClassifierKind, ExtractorKind, Kind};
use isthmus_core::sample_check::SampleCheck;
use isthmus_core::spec::PluginSpec;
use isthmus_core::stage::{SampleView, Stage, StageData, Updates};
use isthmus_core::step::Step;
use isthmus_core::targets::class_tensor;
use isthmus_core::terms::{Terms, WeightedTerm};
use isthmus_core::test_time::Stream;
use isthmus_core::updater::{
    GroupSelector, LearningRateFactors, UpdateGroup, UpdateSettings, Updater,
};

use crate::build::{builder, objective, resolve};
use crate::descent::{ConstantRate, GradientDescent};
use crate::problem::TwoDomains;

/// The parts of a model by name, each with its configuration in TOML.
#[derive(Clone, Copy, Debug)]
pub struct ModelSpec {
    /// The extractor.
    pub extractor: (&'static str, &'static str),
    /// The bottleneck, if there is one.
    pub bottleneck: Option<(&'static str, &'static str)>,
    /// The classifier.
    pub classifier: (&'static str, &'static str),
}

impl ModelSpec {
    /// A multi-layer perceptron with norm layers.
    pub const NORMALISED: Self = Self {
        extractor: ("mlp", "hidden = [8, 6]"),
        bottleneck: None,
        classifier: ("linear", ""),
    };

    fn build(&self, problem: &TwoDomains, device: &Device) -> Model {
        let context = |part: &str| BuildContext {
            device: device.clone(),
            key: Key::new(5).named(part),
            sources: 1,
        };
        let shape = problem.shape();
        let (name, config) = self.extractor;
        let build = builder::<ExtractorKind>(name).build;
        let extractor = build(&resolve(Kind::Extractor, name, config), shape, &context("e"))
            .unwrap_or_else(|error| panic!("extractor `{name}`: {error}"));
        let bottleneck = self.bottleneck.map(|(name, config)| {
            let build = builder::<BottleneckKind>(name);
            let shape = InputShape::Features { size: extractor.output_size() };
            build(&resolve(Kind::Bottleneck, name, config), shape, &context("b"))
                .unwrap_or_else(|error| panic!("bottleneck `{name}`: {error}"))
        });
        let features = bottleneck.as_ref().unwrap_or(&extractor).output_size();
        let (name, config) = self.classifier;
        let build = builder::<ClassifierKind>(name);
        let config = resolve(Kind::Classifier, name, config);
        let classifier = build(&config, features, problem.classes, &context("c"))
            .unwrap_or_else(|error| panic!("classifier `{name}`: {error}"));
        Model::new(extractor, bottleneck, classifier)
    }
}

/// A model, plain gradient descent and two domains.
pub struct Workbench {
    /// The model.
    pub model: Model,
    /// The data.
    pub data: TwoDomains,
    /// Rows of a batch that methods draw themselves.
    pub batch_size: usize,
    /// How norm layers behave in training passes.
    pub norm: NormPolicy,
    objective: Box<dyn Objective>,
    updater: Updater,
    terms: Terms,
    device: Device,
    total_steps: usize,
}

impl Workbench {
    /// A new model for the data, to be trained for `total_steps` steps.
    ///
    /// # Panics
    /// If a part of the model is not linked or cannot be built.
    pub fn new(spec: ModelSpec, data: TwoDomains, total_steps: usize, rate: f64) -> Self {
        let device = Device::flex().autodiff();
        Self {
            model: spec.build(&data, &device),
            batch_size: data.source_batch,
            norm: NormPolicy::TRAIN,
            objective: objective("classes", ""),
            updater: Updater::new(
                vec![UpdateGroup {
                    selector: GroupSelector::default(),
                    optimizer: Box::new(GradientDescent),
                    schedule: Box::new(ConstantRate),
                    learning_rate: rate,
                }],
                UpdateSettings {
                    factors: LearningRateFactors::default(),
                    clip_norm: None,
                    accumulate: 1,
                },
            ),
            terms: Terms::default(),
            data,
            device,
            total_steps,
        }
    }

    /// What a method of this workbench is told when it is built.
    pub fn context(&self) -> MethodContext {
        MethodContext {
            device: self.device.clone(),
            key: Key::new(5).named("method"),
            input_shape: self.data.shape(),
            feature_size: self.model.feature_size(),
            hidden_layers: self.model.extractor.layers(),
            classes: self.data.classes,
            outputs: self.data.classes,
            sources: 1,
            total_steps: self.total_steps,
            trained: true,
            classifier: PluginSpec {
                name: "linear".to_owned(),
                config: resolve(Kind::Classifier, "linear", ""),
            },
        }
    }

    /// The stage as a method sees it.
    pub fn stage(&mut self) -> Stage<'_> {
        Stage {
            model: &mut self.model,
            data: &self.data,
            objective: &*self.objective,
            device: self.device.clone(),
            key: Key::new(5).named("stage"),
            total_steps: self.total_steps,
            batch_size: self.batch_size,
            norm: self.norm,
            updates: Updates::new(&mut self.updater, &mut self.terms, "driver"),
        }
    }

    /// The stream of target samples as a method sees it.
    pub fn stream(&mut self) -> Stream<'_> {
        Stream {
            model: &mut self.model,
            updater: &mut self.updater,
            device: self.device.clone(),
            key: Key::new(5).named("stream"),
            total_steps: self.total_steps,
            grouping: self.norm.grouping,
            samples: SampleCheck::default(),
        }
    }

    /// Trains on the source alone.
    ///
    /// # Panics
    /// If the loss is not finite.
    pub fn train_on_source(&mut self, steps: usize) {
        for number in 0..steps {
            let mut step = Step::new(self.stage(), number, 0, false);
            let stage = &step.stage;
            let batch = stage.data.source_batch(number, &stage.device);
            let batch = batch.expect("the data are in memory");
            let output = step.first_pass(batch.input, batch.segments);
            let loss = step.stage.objective.loss(&output, &batch.targets, None);
            let updated = loss.and_then(|loss| step.update(&loss, Vec::new()));
            updated.unwrap_or_else(|error| panic!("step {number}: {error}"));
        }
    }

    /// One step of a driver; its measurements by name.
    ///
    /// # Errors
    /// If the driver gives up.
    pub fn step(
        &mut self,
        driver: &mut dyn Driver,
        number: usize,
        measure: bool,
    ) -> Result<BTreeMap<String, f64>, MethodError> {
        let mut step = Step::new(self.stage(), number, 0, measure);
        driver.step(&mut step)?;
        Ok(step.into_measurements().into_iter().collect())
    }

    /// Runs steps `steps` of a driver, measuring at each.
    ///
    /// # Panics
    /// If the driver gives up.
    pub fn run(
        &mut self,
        driver: &mut dyn Driver,
        steps: std::ops::Range<usize>,
    ) -> Vec<BTreeMap<String, f64>> {
        steps
            .map(|number| {
                let report = self.step(driver, number, true);
                report.unwrap_or_else(|error| panic!("step {number}: {error}"))
            })
            .collect()
    }

    /// Puts a term of weight 1 beside whatever drives the stage.
    pub fn add_term(&mut self, label: &str, term: Box<dyn Term>) {
        self.add_weighted_term(label, 1.0, term);
    }

    /// Puts a term beside whatever drives the stage.
    pub fn add_weighted_term(&mut self, label: &str, weight: f64, term: Box<dyn Term>) {
        self.terms.list.push(WeightedTerm { label: label.to_owned(), weight, term });
    }

    /// Trains with the loss on the source and `term`, as a stage with this term alone does, and
    /// returns the measurements of each step; those of the term begin with `term/`.
    ///
    /// # Panics
    /// If the term refuses a batch.
    pub fn train(&mut self, term: Box<dyn Term>, steps: usize) -> Vec<BTreeMap<String, f64>> {
        self.train_weighted(term, 1.0, steps)
    }

    /// The same with the term times `weight`.
    ///
    /// # Panics
    /// If the term refuses a batch.
    pub fn train_weighted(
        &mut self,
        term: Box<dyn Term>,
        weight: f64,
        steps: usize,
    ) -> Vec<BTreeMap<String, f64>> {
        self.add_weighted_term("term", weight, term);
        (0..steps).map(|number| self.train_step(number)).collect()
    }

    fn train_step(&mut self, number: usize) -> BTreeMap<String, f64> {
        let mut step = Step::new(self.stage(), number, 0, true);
        let updated = step.loss().and_then(|loss| step.update(&loss, Vec::new()));
        updated.unwrap_or_else(|error| panic!("step {number}: {error}"));
        let measurements: Vec<Measurement> = step.into_measurements();
        measurements.into_iter().collect()
    }

    /// The share of all target rows whose class the model finds.
    pub fn target_accuracy(&mut self) -> f64 {
        let logits = self.stage().predict_target().expect("the data are in memory");
        share_right(logits, &self.data.target_labels)
    }

    /// The share of all source rows whose class the model finds.
    pub fn source_accuracy(&mut self) -> f64 {
        let device = self.device.clone().inner();
        let rows: Vec<usize> = (0..self.data.source_rows()).collect();
        let batch =
            self.data.source_at(&rows, SampleView::Plain, &device).expect("the data are in memory");
        let segment = Segment { domain: DomainRole::SOURCE, rows: rows.len() };
        let context = self.stage().evaluation_context(vec![segment]);
        let logits = self.model.evaluation_copy().forward(batch.input, &context).logits;
        share_right(logits, &self.data.source_labels)
    }

    /// Gives the model the tensors that [`tensors`](Self::tensors) returned.
    ///
    /// # Panics
    /// If they are another model's.
    pub fn load(&mut self, tensors: &BTreeMap<String, NamedTensor>) {
        for part in self.model.parts() {
            let prefix = format!("{}.", part.name);
            let own = tensors
                .iter()
                .filter(|(name, _)| name.starts_with(&prefix))
                .map(|(_, tensor)| (tensor.path.clone(), tensor.data.clone()))
                .collect();
            part.network.load_tensors(&own).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    /// Every tensor of the model, by part and path.
    pub fn tensors(&mut self) -> BTreeMap<String, NamedTensor> {
        let mut all = BTreeMap::new();
        for part in self.model.parts() {
            for tensor in part.network.tensors() {
                all.insert(format!("{}.{}", part.name, tensor.path), tensor);
            }
        }
        all
    }

    /// The values of [`tensors`](Self::tensors).
    pub fn values(&mut self) -> BTreeMap<String, Vec<f32>> {
        let values = |tensor: NamedTensor| tensor.data.iter::<f32>().collect();
        self.tensors().into_iter().map(|(name, tensor)| (name, values(tensor))).collect()
    }
}

fn share_right(logits: Tensor<2>, labels: &[u32]) -> f64 {
    let device = logits.device();
    let predicted = logits.argmax(1).squeeze_dim::<1>(1);
    predicted.equal(class_tensor(labels, &device)).float().mean().into_scalar::<f64>()
}

#[cfg(test)]
mod tests {
    use isthmus_core::context::{DomainRole, Segment};

    use super::*;

    /// Losses that compare two passes of a step would otherwise be exactly 0.
    #[test]
    fn every_pass_of_a_step_draws_dropout_masks_of_its_own() {
        let spec = ModelSpec {
            extractor: ("mlp", "hidden = [16]\nbatch_norm = false\ndropout = 0.5"),
            ..ModelSpec::NORMALISED
        };
        let passes = |number: usize| {
            let data = TwoDomains::shifted(40, 24, 2.0).batches(20, 12);
            let mut bench = Workbench::new(spec, data, 5, 0.1);
            let mut step = Step::new(bench.stage(), number, 0, false);
            let joint = step.joint().unwrap();
            let rows = joint.input.rows();
            let mut again = || {
                let segments = vec![Segment { domain: DomainRole::Target, rows }];
                let output = step.forward(joint.input.clone(), segments);
                output.features.into_data().try_to_vec::<f32>().unwrap()
            };
            [joint.features.clone().into_data().try_to_vec().unwrap(), again(), again()]
        };
        let [joint, second, third] = passes(0);
        assert!(joint != second && second != third && joint != third);
        assert!(passes(0) == [joint, second, third], "masks depend on more than the step");
        assert!(passes(0)[1] != passes(1)[1]);
    }
}
