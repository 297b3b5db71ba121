//! How gradients become updates: accumulation, groups of parameters, clipping.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;

use isthmus_core::model::Model;
use isthmus_core::parameter::ParameterSet;
use isthmus_core::spec::{GroupSpec, TrainingSpec};
use isthmus_core::terms::Terms;
use isthmus_core::updater::{GroupSelector, LearningRateFactors, Role};
use isthmus_engine::TrainingMethods;
use serde_json::{Value, json};
use support::{model, recorded, run, spec, trained, training};

fn plain_mlp() -> Value {
    json!({ "hidden": [8], "batch_norm": false })
}

/// The source's loss alone.
fn no_methods() -> TrainingMethods {
    TrainingMethods { driver_label: String::new(), driver: None, terms: Terms::default() }
}

/// All trained parameters of a model.
fn parameters(model: &Model) -> BTreeMap<String, Vec<f32>> {
    let mut all = trained(&*model.extractor);
    all.extend(trained(&*model.classifier));
    all
}

fn trained_with(mlp: &Value, training: &TrainingSpec) -> BTreeMap<String, Vec<f32>> {
    parameters(&run(mlp, training, no_methods()))
}

fn untrained(mlp: &Value) -> BTreeMap<String, Vec<f32>> {
    parameters(&model(mlp, &burn::tensor::Device::flex().autodiff()))
}

#[test]
fn batches_that_are_accumulated_train_as_one_large_batch() {
    for gradient_clipping in [None, Some(0.05)] {
        let large = TrainingSpec { batch_size: 12, gradient_clipping, ..training() };
        let small = TrainingSpec { batch_size: 3, accumulate: 4, ..large.clone() };
        let (large, small) =
            (trained_with(&plain_mlp(), &large), trained_with(&plain_mlp(), &small));
        assert_ne!(large, untrained(&plain_mlp()));
        for (path, large) in &large {
            for (large, small) in large.iter().zip(&small[path]) {
                assert!((large - small).abs() < 1e-6, "{path}: {large} and {small}");
            }
        }
    }
}

#[test]
fn a_group_has_an_optimizer_of_its_own() {
    let still = GroupSpec {
        selector: GroupSelector { roles: vec![Role::Extractor], parameters: Vec::new() },
        optimizer: spec("sgd", json!({ "lr": 0.0 })),
        schedule: spec("constant", json!({})),
    };
    let adam = GroupSpec {
        selector: GroupSelector {
            roles: vec![Role::Extractor],
            parameters: vec![ParameterSet::Biases],
        },
        optimizer: spec("adam", json!({ "lr": 0.1 })),
        schedule: spec("constant", json!({})),
    };
    let training = TrainingSpec { groups: vec![still, adam], ..training() };
    let before = untrained(&plain_mlp());
    let moved: Vec<String> = trained_with(&plain_mlp(), &training)
        .into_iter()
        .filter(|(path, values)| before[path] != *values)
        .map(|(path, _)| path)
        .collect();
    // The classifier by the stage's optimizer, the extractor's biases by Adam, no other weight.
    assert!(moved.iter().any(|path| path == "linear.weight"), "{moved:?}");
    let extractor: Vec<&String> = moved.iter().filter(|path| path.contains("layers")).collect();
    assert!(!extractor.is_empty());
    assert!(extractor.iter().all(|path| path.ends_with("bias")), "{moved:?}");
}

#[test]
fn norms_and_biases_can_be_kept_from_decaying() {
    let mlp = json!({ "hidden": [8], "batch_norm": true });
    let decaying = |decay: f64| spec("sgd", json!({ "lr": 0.01, "weight_decay": decay }));
    let all = TrainingSpec { optimizer: decaying(1.0), ..training() };
    let group = GroupSpec {
        selector: GroupSelector {
            roles: Vec::new(),
            parameters: vec![ParameterSet::Norms, ParameterSet::Biases],
        },
        optimizer: decaying(0.0),
        schedule: spec("constant", json!({})),
    };
    let weights_only = TrainingSpec { groups: vec![group], ..all.clone() };
    let scale = |training: &TrainingSpec| -> f32 {
        let model = run(&mlp, training, no_methods());
        let tensors = recorded(&*model.extractor);
        let (_, scale) = tensors.iter().find(|(path, _)| path.ends_with("norm.weight")).unwrap();
        scale.iter().sum::<f32>() / scale.len() as f32
    };
    // Five steps of 0.01 with momentum pull a scale of 1 well below it.
    assert!(scale(&all) < 0.97, "{}", scale(&all));
    assert!(scale(&weights_only) > 0.98, "{}", scale(&weights_only));
}

/// A part with a learning rate of 0 must not shrink the steps of the others.
#[test]
fn parts_that_stand_still_do_not_count_in_clipping() {
    let factors = LearningRateFactors { extractor: 0.0, ..LearningRateFactors::default() };
    let clipped = |limit: f64| TrainingSpec {
        iterations: 1,
        evaluate_every: 1,
        optimizer: spec("sgd", json!({ "momentum": 0.0, "nesterov": false, "weight_decay": 0.0 })),
        learning_rate_factors: factors,
        gradient_clipping: Some(limit),
        ..training()
    };
    let before = untrained(&plain_mlp());
    let step = |limit: f64| -> f64 {
        let after = trained_with(&plain_mlp(), &clipped(limit));
        let moved = |path: &str| {
            before[path]
                .iter()
                .zip(&after[path])
                .map(|(a, b)| f64::from(a - b).powi(2))
                .sum::<f64>()
        };
        (moved("linear.weight") + moved("linear.bias")).sqrt()
    };
    // Clipped to 0.001, the classifier alone moves by the learning rate times 0.001.
    assert!((step(0.001) - 0.01 * 0.001).abs() < 1e-7, "{}", step(0.001));
    assert!(step(1e6) > 10.0 * step(0.001));
}
