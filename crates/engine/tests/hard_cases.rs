//! A driver written against the contracts: a target encoder that starts as a copy of the source's
//! (ADDA).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use burn::tensor::Device;
use isthmus_core::context::{Context, DomainRole, Segment};
use isthmus_core::dataset::SampleSource;
use isthmus_core::error::MethodError;
use isthmus_core::input::Input;
use isthmus_core::method::{Driver, Method};
use isthmus_core::parts::Extractor;
use isthmus_core::random::Key;
use isthmus_core::stage::{SampleView, Stage};
use isthmus_core::step::Step;
use isthmus_core::terms::Terms;
use isthmus_engine::TrainingMethods;
use support::{Shifted, recorded, run, trained, training};

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
    let methods = TrainingMethods {
        driver_label: "adda".to_owned(),
        driver: Some(Box::new(method.clone())),
        terms: Terms::default(),
    };
    let model = run(&serde_json::json!({ "hidden": [8] }), &training(), methods);
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
