//! A driver written against the contracts: a target encoder that starts as a copy of the source's
//! (ADDA).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use burn::tensor::Device;
use isthmus_core::context::{Context, DomainRole, Segment};
use isthmus_core::dataset::{Domain, LabelledSource, SampleSource};
use isthmus_core::error::{DataError, MethodError};
use isthmus_core::input::{Input, InputShape};
use isthmus_core::method::{Driver, Method};
use isthmus_core::model::Model;
use isthmus_core::network::Network;
use isthmus_core::parts::{BuildContext, Extractor};
use isthmus_core::random::Key;
use isthmus_core::registry::{self, Build, Kind};
use isthmus_core::spec::{PluginSpec, TrainingSpec};
use isthmus_core::stage::{SampleView, Stage};
use isthmus_core::step::Step;
use isthmus_core::terms::Terms;
use isthmus_engine::{
    JobData, Silent, StageSetup, TrainingMethods, build_objective, build_updater, run_stage,
};
use isthmus_nn as _;
use isthmus_objectives as _;

const SIZE: usize = 4;
const CLASSES: usize = 2;

/// Rows of four values whose sign tells the class, shifted by domain.
struct Shifted(f32);

impl SampleSource for Shifted {
    fn rows(&self) -> usize {
        24
    }

    fn shape(&self) -> InputShape {
        InputShape::Features { size: SIZE }
    }

    fn values(&self, indices: &[usize], _view: SampleView) -> Result<Vec<f32>, DataError> {
        let value = |row: usize, column: usize| {
            let sign = if row.is_multiple_of(2) { 1.0 } else { -1.0 };
            sign * (1.0 + 0.1 * (row * (column + 1)) as f32 / 24.0) + self.0
        };
        Ok(indices.iter().flat_map(|&row| (0..SIZE).map(move |c| value(row, c))).collect())
    }
}

fn data() -> JobData {
    let domain = |name: &str, shift| {
        let labels: Vec<u32> = (0..24).map(|row| row % 2).collect();
        let set = LabelledSource { samples: Arc::new(Shifted(shift)), targets: labels.into() };
        Domain { name: name.to_owned(), train: set.clone(), validation: None, test: set }
    };
    JobData {
        classes: vec!["even".to_owned(), "odd".to_owned()],
        sources: vec![domain("source", 0.0)],
        target: domain("target", 0.4),
    }
}

fn spec(name: &str) -> PluginSpec {
    PluginSpec { name: name.to_owned(), config: serde_json::json!({}) }
}

fn model(device: &Device) -> Model {
    let context = BuildContext { device: device.clone(), key: Key::new(1), sources: 1 };
    let shape = InputShape::Features { size: SIZE };
    let mlp = serde_json::json!({ "hidden": [8] });
    let extractor = match registry::find(Kind::Extractor, "mlp").unwrap().build {
        Build::Extractor { build, .. } => build(&mlp, shape, &context).unwrap(),
        _ => unreachable!(),
    };
    let classifier = match registry::find(Kind::Classifier, "linear").unwrap().build {
        Build::Classifier(build) => {
            build(&serde_json::json!({}), extractor.output_size(), CLASSES, &context).unwrap()
        }
        _ => unreachable!(),
    };
    Model { extractor, bottleneck: None, classifier }
}

fn run(method: Box<dyn Driver>) -> Model {
    let training = TrainingSpec {
        iterations: 5,
        batch_size: 6,
        optimizer: spec("sgd"),
        schedule: spec("constant"),
        learning_rate_factors: Default::default(),
        gradient_clipping: None,
        accumulate: 1,
        groups: Vec::new(),
        normalization: Default::default(),
        evaluate_every: 5,
        stop_after: None,
    };
    let device = Device::flex().autodiff();
    let mut model = model(&device);
    let mut updater = build_updater(&training).unwrap();
    let objective = build_objective(&spec("classes")).unwrap();
    let setup = StageSetup {
        index: 0,
        label: "hard case",
        training: &training,
        target_labels: false,
        device: &device,
        key: Key::new(2),
        objective: &*objective,
        selection: None,
    };
    let methods = TrainingMethods {
        driver_label: "adda".to_owned(),
        driver: Some(method),
        terms: Terms::default(),
    };
    run_stage(&setup, &mut model, methods, &mut updater, &data(), None, &mut Silent).unwrap();
    model
}

/// Everything that a network records, running statistics included.
fn recorded(network: &(impl Network + ?Sized)) -> BTreeMap<String, Vec<f32>> {
    let tensors = network.tensors().into_iter();
    tensors.map(|tensor| (tensor.path, tensor.data.as_slice::<f32>().unwrap().to_vec())).collect()
}

/// What an optimizer changes: running statistics, which move with every forward, left out.
fn trained(network: &(impl Network + ?Sized)) -> BTreeMap<String, Vec<f32>> {
    let mut tensors = recorded(network);
    tensors.retain(|path, _| !path.contains("shared") && !path.contains("domains"));
    tensors
}

/// The encoders of Tzeng et al., "Adversarial discriminative domain adaptation", CVPR 2017: the
/// source's is kept, the target's starts from it and is trained (here towards a constant).
#[derive(Clone, Default)]
struct Adda(Arc<Mutex<Encoders>>);

#[derive(Default)]
struct Encoders {
    source: Option<Box<dyn Extractor>>,
    kept: BTreeMap<String, Vec<f32>>,
}

impl Method for Adda {}

impl Driver for Adda {
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        let target = stage.model.extractor.training_copy();
        let source = std::mem::replace(&mut stage.model.extractor, target);
        let mut encoders = self.0.lock().unwrap();
        encoders.kept = recorded(&*source);
        encoders.source = Some(source);
        Ok(())
    }

    fn step(&mut self, step: &mut Step<'_>) -> Result<(), MethodError> {
        let stage = &step.stage;
        let batch = stage.data.target_batch(step.batch_number(), &stage.device)?;
        let segments = vec![Segment { domain: DomainRole::Target, rows: batch.input.rows() }];
        let loss = step.first_pass(batch.input, segments).features.square().mean();
        step.update(&loss, Vec::new())
    }
}

#[test]
fn a_copied_encoder_shares_neither_parameters_nor_statistics() {
    let method = Adda::default();
    let model = run(Box::new(method.clone()));
    let mut encoders = method.0.lock().unwrap();
    let kept = std::mem::take(&mut encoders.kept);
    let mut source = encoders.source.take().unwrap();
    assert_eq!(recorded(&*source), kept);
    assert_ne!(trained(&*model.extractor), trained(&*source));

    // A forward in training moves the statistics of the network it is of, and of no other.
    let target = recorded(&*model.extractor);
    let device = Device::flex().autodiff();
    let values = Shifted(0.0).values(&[0, 1, 2, 3], SampleView::Plain).unwrap();
    let input = Input::from_values(values, 4, Shifted(0.0).shape(), &device);
    let segments = vec![Segment { domain: DomainRole::SOURCE, rows: 4 }];
    source.forward(input, &Context::train(segments, Key::new(3)));
    assert_ne!(recorded(&*source), kept);
    assert_eq!(recorded(&*model.extractor), target);
}
