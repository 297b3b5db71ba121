//! A model with an optimizer and data, and the drivers of methods.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use isthmus_core::batch::label_tensor;
use isthmus_core::context::{DomainRole, NormPolicy, Segment};
use isthmus_core::input::InputShape;
use isthmus_core::method::{MethodContext, StepReport, Term, TrainingMethod, View};
use isthmus_core::model::Model;
use isthmus_core::network::NamedTensor;
use isthmus_core::parts::BuildContext;
use isthmus_core::random::Key;
use isthmus_core::registry::{Build, Kind};
use isthmus_core::stage::{SampleView, Stage, StageData};
use isthmus_core::test_time::Stream;
use isthmus_core::updater::{LearningRateFactors, Updater};
use isthmus_losses::classification::cross_entropy;

use crate::build::{plugin, resolve};
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
        let shape = InputShape::Features { size: problem.features };
        let (name, config) = self.extractor;
        let Build::Extractor { build, .. } = plugin(Kind::Extractor, name).build else {
            unreachable!("plugins of kind extractor are built as extractors")
        };
        let extractor = build(&resolve(Kind::Extractor, name, config), shape, &context("e"))
            .unwrap_or_else(|error| panic!("extractor `{name}`: {error}"));
        let bottleneck = self.bottleneck.map(|(name, config)| {
            let Build::Bottleneck(build) = plugin(Kind::Bottleneck, name).build else {
                unreachable!("plugins of kind bottleneck are built as bottlenecks")
            };
            let shape = InputShape::Features { size: extractor.output_size() };
            build(&resolve(Kind::Bottleneck, name, config), shape, &context("b"))
                .unwrap_or_else(|error| panic!("bottleneck `{name}`: {error}"))
        });
        let features = bottleneck.as_ref().unwrap_or(&extractor).output_size();
        let (name, config) = self.classifier;
        let Build::Classifier(build) = plugin(Kind::Classifier, name).build else {
            unreachable!("plugins of kind classifier are built as classifiers")
        };
        let config = resolve(Kind::Classifier, name, config);
        let classifier = build(&config, features, problem.classes, &context("c"))
            .unwrap_or_else(|error| panic!("classifier `{name}`: {error}"));
        Model { extractor, bottleneck, classifier }
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
    updater: Updater,
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
            updater: Updater::new(
                Box::new(GradientDescent),
                Box::new(ConstantRate),
                rate,
                LearningRateFactors::default(),
                None,
            ),
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
            input_shape: InputShape::Features { size: self.data.features },
            feature_size: self.model.feature_size(),
            classes: self.data.classes,
            sources: 1,
            total_steps: self.total_steps,
        }
    }

    /// The stage as a method sees it.
    pub fn stage(&mut self) -> Stage<'_> {
        Stage {
            model: &mut self.model,
            updater: &mut self.updater,
            data: &self.data,
            device: self.device.clone(),
            key: Key::new(5).named("stage"),
            total_steps: self.total_steps,
            batch_size: self.batch_size,
            norm: self.norm,
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
        }
    }

    /// Trains on the source alone.
    pub fn train_on_source(&mut self, steps: usize) {
        for step in 0..steps {
            let mut stage = self.stage();
            let batch =
                stage.data.source_batch(step, &stage.device).expect("the data are in memory");
            let labels = batch.label_tensor(&stage.device);
            let context = stage.training_context(batch.segments, step);
            let (_, logits) = stage.model.forward(batch.input, &context);
            stage.update(step, &cross_entropy(logits, labels), Vec::new());
        }
    }

    /// Runs steps `steps` of a method, measuring at each.
    ///
    /// # Panics
    /// If the method gives up.
    pub fn run(
        &mut self,
        method: &mut dyn TrainingMethod,
        steps: std::ops::Range<usize>,
    ) -> Vec<StepReport> {
        steps
            .map(|step| {
                let report = method.step(&mut self.stage(), step, true);
                report.unwrap_or_else(|error| panic!("step {step}: {error}"))
            })
            .collect()
    }

    /// Trains with the cross-entropy on the source and `term`, from one joint forward, and
    /// returns the term's measurements of each step.
    ///
    /// # Panics
    /// If the term refuses a batch.
    pub fn train(&mut self, term: &mut dyn Term, steps: usize) -> Vec<BTreeMap<String, f64>> {
        (0..steps).map(|step| self.train_step(term, step)).collect()
    }

    fn train_step(&mut self, term: &mut dyn Term, step: usize) -> BTreeMap<String, f64> {
        let mut stage = self.stage();
        let read = "the data are in memory";
        let source = stage.data.source_batch(step, &stage.device).expect(read);
        let target = stage.data.target_batch(step, &stage.device).expect(read);
        let labels = source.label_tensor(&stage.device);
        let (source_rows, target_rows) = (source.input.rows(), target.input.rows());
        let mut segments = source.segments;
        segments.push(Segment { domain: DomainRole::Target, rows: target_rows });
        let context = stage.training_context(segments.clone(), step);
        let (features, logits) =
            stage.model.forward(source.input.concatenate(target.input), &context);
        let view = View {
            features: &features,
            logits: &logits,
            source_labels: &labels,
            segments: &segments,
            source_rows,
            target_rows,
            step,
            total_steps: stage.total_steps,
            key: stage.key.named("term").at(step as u64),
            measure: true,
        };
        let class_loss = cross_entropy(view.source_logits(), labels.clone());
        let added = term.loss(&view).unwrap_or_else(|error| panic!("step {step}: {error}"));
        stage.update(step, &(class_loss + added.loss), term.networks());
        added.measurements.into_iter().collect()
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
        let context = self.stage().evaluation_context(DomainRole::SOURCE, rows.len());
        let (_, logits) = self.model.evaluation_copy().forward(batch.input, &context);
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
    predicted.equal(label_tensor(labels, &device)).float().mean().into_scalar::<f64>()
}
