//! A small model and two domains, for tests of stages.
#![allow(dead_code, clippy::unwrap_used, reason = "each test program uses some of it")]

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::Device;
use isthmus_core::dataset::{Domain, LabelledSource, SampleSource};
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::model::Model;
use isthmus_core::network::Network;
use isthmus_core::parts::BuildContext;
use isthmus_core::random::Key;
use isthmus_core::registry::{self, ExtractorKind};
use isthmus_core::sample_values::SampleValues;
use isthmus_core::spec::{PluginSpec, StreamOrder, TrainingSpec};
use isthmus_core::stage::SampleView;
use isthmus_engine::{
    JobData, Silent, StageSetup, TrainingMethods, build_objective, build_updater, run_stage,
};
use isthmus_nn as _;
use isthmus_objectives as _;
use serde_json::{Value, json};

pub const SIZE: usize = 4;
const CLASSES: usize = 2;
/// Rows of a domain.
pub const ROWS: usize = 24;

/// Rows of four values whose sign tells the class, shifted by domain.
pub struct Shifted(pub f32);

impl SampleSource for Shifted {
    fn rows(&self) -> usize {
        ROWS
    }

    fn shape(&self) -> InputShape {
        InputShape::Features { size: SIZE }
    }

    fn values(&self, indices: &[usize], _view: SampleView) -> Result<SampleValues, DataError> {
        let value = |row: usize, column: usize| {
            let sign = if row.is_multiple_of(2) { 1.0 } else { -1.0 };
            sign * (1.0 + 0.1 * (row * (column + 1)) as f32 / ROWS as f32) + self.0
        };
        let values = indices.iter().flat_map(|&row| (0..SIZE).map(move |c| value(row, c)));
        Ok(values.collect::<Vec<_>>().into())
    }
}

pub fn data() -> JobData {
    let domain = |name: &str, shift| {
        let labels: Vec<u32> = (0..ROWS as u32).map(|row| row % 2).collect();
        let set = LabelledSource { samples: Arc::new(Shifted(shift)), targets: labels.into() };
        Domain { name: name.to_owned(), train: set.clone(), validation: None, test: set }
    };
    JobData {
        classes: vec!["even".to_owned(), "odd".to_owned()],
        target_classes: None,
        sources: vec![domain("source", 0.0)],
        target: domain("target", 0.4),
        shifts: Vec::new(),
    }
}

pub fn spec(name: &str, config: Value) -> PluginSpec {
    PluginSpec { name: name.to_owned(), config }
}

/// A perceptron of one hidden layer with this configuration, and a linear classifier.
pub fn model(mlp: &Value, device: &Device) -> Model {
    let context = BuildContext { device: device.clone(), key: Key::new(1), sources: 1 };
    let shape = InputShape::Features { size: SIZE };
    let build = registry::builder::<ExtractorKind>("mlp").unwrap().build;
    let extractor = build(mlp, shape, &context).unwrap();
    let linear = spec("linear", json!({}));
    let features = extractor.output_size();
    let classifier = registry::build_classifier(&linear, features, CLASSES, &context).unwrap();
    Model::new(extractor, None, classifier)
}

/// Five steps of plain descent on batches of six rows.
pub fn training() -> TrainingSpec {
    TrainingSpec {
        iterations: 5,
        batch_size: 6,
        optimizer: spec("sgd", json!({})),
        schedule: spec("constant", json!({})),
        learning_rate_factors: Default::default(),
        gradient_clipping: None,
        accumulate: 1,
        groups: Vec::new(),
        normalization: Default::default(),
        evaluate_every: 5,
        stop_after: None,
    }
}

/// Runs a stage of `methods` on a new model.
pub fn run(mlp: &Value, training: &TrainingSpec, methods: TrainingMethods) -> Model {
    let device = Device::flex().autodiff();
    let mut model = model(mlp, &device);
    let mut updater = build_updater(training).unwrap();
    let objective = build_objective(&spec("classes", json!({}))).unwrap();
    let setup = StageSetup {
        index: 0,
        label: "a test",
        training,
        target_labels: false,
        measures_source: true,
        stream_order: StreamOrder::Shuffled,
        device: &device,
        key: Key::new(2),
        objective: &*objective,
        selection: None,
    };
    run_stage(&setup, &mut model, methods, &mut updater, &data(), None, &mut Silent).unwrap();
    model
}

/// Everything that a network records, running statistics included.
pub fn recorded(network: &(impl Network + ?Sized)) -> BTreeMap<String, Vec<f32>> {
    let tensors = network.tensors().into_iter();
    tensors.map(|tensor| (tensor.path, tensor.data.as_slice::<f32>().unwrap().to_vec())).collect()
}

/// What an optimizer changes: running statistics, which move with every forward, left out.
pub fn trained(network: &(impl Network + ?Sized)) -> BTreeMap<String, Vec<f32>> {
    let mut tensors = recorded(network);
    tensors.retain(|path, _| !path.contains("shared") && !path.contains("domains"));
    tensors
}
