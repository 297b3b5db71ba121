//! Methods that no term could be, written against the contracts: three phases a step with two
//! classifiers (MCD), and a target encoder that starts as a copy of the source's (ADDA).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use isthmus_core::context::{Context, DomainRole, Segment};
use isthmus_core::dataset::{Domain, LabelledSource, SampleSource};
use isthmus_core::error::{DataError, MethodError};
use isthmus_core::input::{Input, InputShape};
use isthmus_core::method::{StepReport, TrainingMethod};
use isthmus_core::model::Model;
use isthmus_core::network::Network;
use isthmus_core::parts::{BuildContext, Classifier, Extractor};
use isthmus_core::random::Key;
use isthmus_core::registry::{self, Build, Kind};
use isthmus_core::spec::{PluginSpec, TrainingSpec};
use isthmus_core::stage::{SampleView, Stage};
use isthmus_core::updater::{Part, Role};
use isthmus_engine::{JobData, Silent, StageSetup, build_updater, run_stage};
use isthmus_losses::classification::cross_entropy;
use isthmus_nn as _;

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
        let labels: Arc<[u32]> = (0..24).map(|row| row % 2).collect();
        let set = LabelledSource { samples: Arc::new(Shifted(shift)), labels };
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

fn run(method: &mut dyn TrainingMethod) -> Model {
    let training = TrainingSpec {
        iterations: 5,
        batch_size: 6,
        optimizer: spec("sgd"),
        schedule: spec("constant"),
        learning_rate_factors: Default::default(),
        gradient_clipping: None,
        label_smoothing: 0.0,
        normalization: Default::default(),
        evaluate_every: 5,
        stop_after: None,
    };
    let device = Device::flex().autodiff();
    let mut model = model(&device);
    let mut updater = build_updater(&training).unwrap();
    let setup = StageSetup {
        index: 0,
        label: "hard case",
        training: &training,
        target_labels: false,
        device: &device,
        key: Key::new(2),
        selection: None,
    };
    run_stage(&setup, &mut model, method, &mut updater, &data(), None, &mut Silent).unwrap();
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

/// Saito et al., "Maximum classifier discrepancy", CVPR 2018, in short.
#[derive(Default)]
struct Mcd {
    second: Option<Box<dyn Classifier>>,
}

fn second_part(second: &mut Box<dyn Classifier>) -> Part<'_> {
    Part { name: "second".to_owned(), role: Role::Classifier, network: &mut **second }
}

fn discrepancy(stage: &mut Stage<'_>, second: &mut dyn Classifier, step: usize) -> Tensor<1> {
    let batch = stage.data.target_batch(step, &stage.device).unwrap();
    let segments = vec![Segment { domain: DomainRole::Target, rows: batch.input.rows() }];
    let context = stage.training_context(segments, step);
    let (features, first) = stage.model.forward(batch.input, &context);
    let second = second.forward(features, &context);
    (softmax(first, 1) - softmax(second, 1)).abs().mean()
}

impl TrainingMethod for Mcd {
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        self.second = Some(stage.model.classifier.training_copy());
        Ok(())
    }

    fn step(
        &mut self,
        stage: &mut Stage<'_>,
        step: usize,
        _measure: bool,
    ) -> Result<StepReport, MethodError> {
        let second = self.second.as_mut().unwrap();
        let total = stage.total_steps;

        // All networks learn the source. The classifiers start alike: a factor tells them apart.
        let batch = stage.data.source_batch(step, &stage.device)?;
        let labels = batch.label_tensor(&stage.device);
        let context = stage.training_context(batch.segments, step);
        let (features, logits) = stage.model.forward(batch.input, &context);
        let loss = cross_entropy(logits, labels.clone())
            + cross_entropy(second.forward(features, &context), labels).mul_scalar(0.5);
        stage.update(step, &loss, vec![second_part(second)]);

        // The classifiers move apart on the target; the extractor stays.
        let extractor = trained(&*stage.model.extractor);
        let before = trained(&**second);
        let loss = discrepancy(stage, &mut **second, step).neg();
        let parts = vec![
            Part {
                name: "classifier".to_owned(),
                role: Role::Classifier,
                network: &mut *stage.model.classifier,
            },
            second_part(second),
        ];
        stage.updater.update(step, total, &mut loss.backward(), parts);
        assert_eq!(trained(&*stage.model.extractor), extractor);
        assert_ne!(trained(&**second), before);

        // The extractor brings them together; the classifiers stay.
        let before = trained(&**second);
        let loss = discrepancy(stage, &mut **second, step);
        let parts = vec![Part {
            name: "extractor".to_owned(),
            role: Role::Extractor,
            network: &mut *stage.model.extractor,
        }];
        stage.updater.update(step, total, &mut loss.backward(), parts);
        assert_eq!(trained(&**second), before);
        assert_ne!(trained(&*stage.model.extractor), extractor);
        Ok(StepReport::default())
    }

    fn networks(&mut self) -> Vec<Part<'_>> {
        self.second.iter_mut().map(second_part).collect()
    }
}

#[test]
fn phases_update_the_parts_that_they_name() {
    let mut method = Mcd::default();
    run(&mut method);
    assert_eq!(method.networks().len(), 1);
}

/// The encoders of Tzeng et al., "Adversarial discriminative domain adaptation", CVPR 2017: the
/// source's is kept, the target's starts from it and is trained (here towards a constant).
#[derive(Default)]
struct Adda {
    source: Option<Box<dyn Extractor>>,
    kept: BTreeMap<String, Vec<f32>>,
}

impl TrainingMethod for Adda {
    fn begin(&mut self, stage: &mut Stage<'_>) -> Result<(), MethodError> {
        let target = stage.model.extractor.training_copy();
        let source = std::mem::replace(&mut stage.model.extractor, target);
        self.kept = recorded(&*source);
        self.source = Some(source);
        Ok(())
    }

    fn step(
        &mut self,
        stage: &mut Stage<'_>,
        step: usize,
        _measure: bool,
    ) -> Result<StepReport, MethodError> {
        let batch = stage.data.target_batch(step, &stage.device)?;
        let segments = vec![Segment { domain: DomainRole::Target, rows: batch.input.rows() }];
        let context = stage.training_context(segments, step);
        let loss = stage.model.features(batch.input, &context).square().mean();
        stage.update(step, &loss, Vec::new());
        Ok(StepReport::default())
    }
}

#[test]
fn a_copied_encoder_shares_neither_parameters_nor_statistics() {
    let mut method = Adda::default();
    let model = run(&mut method);
    let mut source = method.source.unwrap();
    assert_eq!(recorded(&*source), method.kept);
    assert_ne!(trained(&*model.extractor), trained(&*source));

    // A forward in training moves the statistics of the network it is of, and of no other.
    let target = recorded(&*model.extractor);
    let device = Device::flex().autodiff();
    let values = Shifted(0.0).values(&[0, 1, 2, 3], SampleView::Plain).unwrap();
    let input = Input::from_values(values, 4, Shifted(0.0).shape(), &device);
    let segments = vec![Segment { domain: DomainRole::SOURCE, rows: 4 }];
    source.forward(input, &Context::train(segments, Key::new(3)));
    assert_ne!(recorded(&*source), method.kept);
    assert_eq!(recorded(&*model.extractor), target);
}
