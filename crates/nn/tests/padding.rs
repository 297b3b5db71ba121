//! Series of different lengths: what they are padded with changes no number.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use burn::tensor::{Tensor, TensorData};
use isthmus_core::context::{Context, DomainRole, Grouping, NormPolicy};
use isthmus_core::input::{Input, InputShape};
use isthmus_core::model::Model;
use isthmus_core::parts::{Classifier, Extractor};
use isthmus_core::registry::{BottleneckKind, ClassifierKind, ExtractorKind, Kind, builder, find};
use isthmus_core::states::PaddedSeries;
use isthmus_layers::testing::{build_context, close, device, normal, state, training, values};
use isthmus_nn as _;
use serde_json::{Value, json};

const CHANNELS: usize = 3;
const LENGTHS: [usize; 7] = [5, 17, 9, 1, 12, 17, 3];
const SOURCE_ROWS: usize = 4;
const CLASSES: usize = 4;

/// Every network that takes series of different lengths, small, with 10 features.
fn networks() -> [(&'static str, Vec<(&'static str, Value)>); 3] {
    [
        ("cnn1d", vec![("channels", json!(6)), ("features", json!(10))]),
        ("tcn", vec![("channels", json!([6, 10])), ("kernel", json!(3)), ("dropout", json!(0.2))]),
        ("resnet1d", vec![("channels", json!(4)), ("features", json!(10))]),
    ]
}

fn extractor(name: &str, settings: &[(&str, Value)]) -> Box<dyn Extractor> {
    let plugin = find(Kind::Extractor, name).unwrap();
    let mut config = (plugin.defaults)();
    for (name, value) in settings {
        config[*name] = value.clone();
    }
    let build = builder::<ExtractorKind>(name).unwrap().build;
    let shape = InputShape::VariableSeries { channels: CHANNELS, longest: 17 };
    build(&config, shape, &build_context(1)).unwrap()
}

fn cnn1d(more: &[(&'static str, Value)]) -> Box<dyn Extractor> {
    let [(name, mut settings), ..] = networks();
    settings.extend_from_slice(more);
    extractor(name, &settings)
}

fn bottleneck() -> Box<dyn Extractor> {
    let plugin = find(Kind::Bottleneck, "linear").unwrap();
    let build = builder::<BottleneckKind>("linear").unwrap();
    let mut config = (plugin.defaults)();
    config["size"] = json!(8);
    config["dropout"] = json!(0.3);
    build(&config, InputShape::Features { size: 10 }, &build_context(1)).unwrap()
}

fn classifier(features: usize) -> Box<dyn Classifier> {
    let plugin = find(Kind::Classifier, "linear").unwrap();
    let build = builder::<ClassifierKind>("linear").unwrap();
    build(&(plugin.defaults)(), features, CLASSES, &build_context(1)).unwrap()
}

/// Series of the given lengths, padded to `time` steps.
fn series(lengths: &[usize], time: usize) -> PaddedSeries {
    let mut all = Vec::new();
    for (row, &length) in lengths.iter().enumerate() {
        let own = values(&normal([CHANNELS, length], row as u64));
        for channel in own.chunks(length) {
            all.extend_from_slice(channel);
            all.extend(std::iter::repeat_n(0.0, time - length));
        }
    }
    let data = TensorData::new(all, [lengths.len(), CHANNELS, time]);
    PaddedSeries { values: Tensor::from_data(data, &device()), lengths: lengths.to_vec() }
}

fn context(grouping: Grouping) -> Context {
    let target = LENGTHS.len() - SOURCE_ROWS;
    training(&[(DomainRole::SOURCE, SOURCE_ROWS), (DomainRole::Target, target)])
        .with_norm(NormPolicy::TRAIN.grouped(grouping))
}

/// What one training pass of a model gives: losses, gradients, and what the norm layers keep.
struct Pass {
    loss: f64,
    outputs: Vec<Vec<f32>>,
    gradients: BTreeMap<String, Vec<f32>>,
    state: BTreeMap<String, Vec<f32>>,
}

fn pass(mut model: Model, time: usize, grouping: Grouping) -> Pass {
    let input = Input::VariableSeries(series(&LENGTHS, time));
    let output = model.forward(input, &context(grouping));
    let mut outputs = vec![values(&output.features), values(&output.logits)];
    let mut loss = (output.logits.clone() * normal(output.logits.dims(), 40)).sum()
        + output.features.square().sum();
    if let Some(states) = &output.states {
        let valid = states.valid();
        outputs.push(values(&valid));
        loss = loss + (valid.clone() * normal(valid.dims(), 41)).sum();
    }
    let value = loss.clone().into_scalar::<f64>();
    let tape = loss.backward();
    let mut gradients = BTreeMap::new();
    let mut kept = BTreeMap::new();
    for part in model.parts() {
        part.network.visit_gradients(&tape, &mut |parameter, gradient| {
            gradients.insert(format!("{}.{}", part.name, parameter.path), values(&gradient));
        });
        kept.extend(
            state(&*part.network)
                .into_iter()
                .map(|(path, values)| (format!("{}.{path}", part.name), values)),
        );
    }
    Pass { loss: value, outputs, gradients, state: kept }
}

/// Holds passes over the same series, padded less and more, against each other.
fn check(model: &dyn Fn() -> Model, grouping: Grouping) {
    let less = pass(model(), 17, grouping);
    for time in [18, 31, 64] {
        let more = pass(model(), time, grouping);
        let what = format!("{grouping:?}, {time} steps");
        assert!((less.loss - more.loss).abs() <= 1e-6 * less.loss.abs(), "{what}");
        for (less, more) in less.outputs.iter().zip(&more.outputs) {
            close(more, less, 3e-6);
        }
        assert_eq!(less.gradients.len(), more.gradients.len(), "{what}");
        assert!(less.gradients.len() > 8, "{what}: {:?}", less.gradients.keys());
        for (less, more) in [(&less.gradients, &more.gradients), (&less.state, &more.state)] {
            // A bias before a norm layer has a gradient of 0, and rounding of the others' size: products
            // of matrices of more rows add up in another order.
            let largest = less.values().flatten().fold(1.0f32, |largest, it| largest.max(it.abs()));
            for (path, less) in less {
                assert!(less.iter().all(|value| value.is_finite()), "{what}: {path}");
                close(&more[path], less, 5e-6 * largest);
            }
        }
    }
}

const GROUPINGS: [Grouping; 4] =
    [Grouping::Shared, Grouping::Separate, Grouping::PerDomain, Grouping::Mixed];

#[test]
fn padding_changes_no_number_of_a_training_pass() {
    for (name, settings) in networks() {
        for grouping in GROUPINGS {
            check(&|| Model::new(extractor(name, &settings), None, classifier(10)), grouping);
        }
    }
    for (kernel, stride) in [(4, 1), (7, 3)] {
        let settings = [("kernel", json!(kernel)), ("stride", json!(stride))];
        check(&|| Model::new(cnn1d(&settings), None, classifier(10)), Grouping::Shared);
    }
}

#[test]
fn padding_changes_no_number_of_a_model_that_reads_states() {
    for (name, settings) in networks() {
        for grouping in GROUPINGS {
            check(
                &|| {
                    let network = extractor(name, &settings);
                    let model = Model::new(network, Some(bottleneck()), classifier(8));
                    model.reading_states(name).unwrap()
                },
                grouping,
            );
        }
    }
}

#[test]
fn a_series_is_in_a_batch_what_it_is_alone() {
    for (name, settings) in networks() {
        is_alone_what_it_is_in_a_batch(&mut *extractor(name, &settings));
    }
}

fn is_alone_what_it_is_in_a_batch(network: &mut dyn Extractor) {
    for _ in 0..3 {
        network.forward(Input::VariableSeries(series(&LENGTHS, 17)), &context(Grouping::Shared));
    }
    let evaluating = |rows| Context::evaluate(DomainRole::Target, rows);
    let together =
        network.encode(Input::VariableSeries(series(&LENGTHS, 17)), &evaluating(LENGTHS.len()));
    let states = together.states.unwrap();
    for (row, &length) in LENGTHS.iter().enumerate() {
        // The same values as a series of one length: the row's own.
        let alone = values(&normal([CHANNELS, length], row as u64));
        let alone = TensorData::new(alone, [1, CHANNELS, length]);
        let alone = Input::Series(Tensor::from_data(alone, &device()));
        let alone = network.encode(alone, &evaluating(1));
        let pooled = together.pooled.clone().narrow(0, row, 1);
        close(&values(&pooled), &values(&alone.pooled), 1e-5);
        let (own, alone) = (states.narrow(row, 1), alone.states.unwrap());
        assert_eq!(own.lengths, alone.lengths);
        close(&values(&own.valid()), &values(&alone.valid()), 1e-5);
    }
}

#[test]
fn series_of_equal_lengths_train_as_series_of_one_length() {
    let lengths = [16; LENGTHS.len()];
    for (name, settings) in networks() {
        let features = |input: Input| {
            let mut network = extractor(name, &settings);
            let features = values(&network.forward(input, &context(Grouping::Shared)));
            (features, state(&*network))
        };
        let (variable, kept) = features(Input::VariableSeries(series(&lengths, 16)));
        let (dense, expected) = features(Input::Series(series(&lengths, 16).values));
        close(&variable, &dense, 1e-5);
        for ((path, kept), (_, expected)) in kept.iter().zip(&expected) {
            assert!(kept.len() == expected.len(), "{path}");
            close(kept, expected, 1e-5);
        }
    }
}

#[test]
fn states_are_read_one_by_one_and_rows_are_their_mean() {
    let model = || Model::new(cnn1d(&[]), None, classifier(10));
    let mut reading = model().reading_states("cnn1d").unwrap();
    let context = || Context::evaluate(DomainRole::Target, LENGTHS.len());
    let input = || Input::VariableSeries(series(&LENGTHS, 17));
    let output = reading.forward(input(), &context());
    let states = output.states().unwrap();
    assert_eq!(states.values.dims()[2], CLASSES);
    let first: Vec<f32> = values(&states.narrow(0, 1).valid());
    let count = first.len() / CLASSES;
    assert_eq!(count, states.lengths[0]);
    let mean: Vec<f32> = (0..CLASSES)
        .map(|class| first.iter().skip(class).step_by(CLASSES).sum::<f32>() / count as f32)
        .collect();
    close(&values(&output.logits.clone().narrow(0, 0, 1)), &mean, 1e-5);
    // A linear classifier of the mean is the mean of the classifier.
    let pooled = model().forward(input(), &context());
    close(&values(&output.logits), &values(&pooled.logits), 1e-5);
    assert!(pooled.states().unwrap_err().to_string().contains("one row a sample"));
    // Copies read states too.
    assert!(reading.evaluation_copy().forward(input(), &context()).states.is_some());
    assert!(reading.training_copy().forward(input(), &context()).states.is_some());
}

#[test]
fn an_extractor_without_states_is_refused_where_they_are_read() {
    let plugin = find(Kind::Extractor, "mlp").unwrap();
    let build = builder::<ExtractorKind>("mlp").unwrap().build;
    let config = (plugin.defaults)();
    let features = InputShape::Features { size: 4 };
    let mlp = build(&config, features, &build_context(1)).unwrap();
    let model = Model::new(mlp, None, classifier(128));
    let error = model.reading_states("mlp").err().unwrap().to_string();
    assert!(error.contains("`mlp` gives one vector of features a sample"), "{error}");
    // It flattens samples, which have to be of one size.
    let variable = InputShape::VariableSeries { channels: 2, longest: 9 };
    let error = build(&config, variable, &build_context(1)).err().unwrap().to_string();
    assert!(error.contains("series of different lengths [2, up to 9]"), "{error}");
}

#[test]
fn hidden_layers_are_given_from_the_first_on() {
    let cases = [
        ("mlp", InputShape::Features { size: 4 }, vec![256, 128]),
        ("lenet", InputShape::Image { channels: 1, height: 28, width: 28 }, vec![2880, 800, 500]),
    ];
    for (name, shape, sizes) in cases {
        let plugin = find(Kind::Extractor, name).unwrap();
        let build = builder::<ExtractorKind>(name).unwrap().build;
        let mut network = build(&(plugin.defaults)(), shape, &build_context(1)).unwrap();
        let input = Input::from_values(vec![0.5; 6 * shape.len()], 6, shape, &device());
        let context = || training(&[(DomainRole::SOURCE, 6)]);
        let encoded = network.encode(input.clone(), &context());
        let found: Vec<[usize; 2]> = encoded.layers.iter().map(|layer| layer.dims()).collect();
        assert_eq!(found, sizes.iter().map(|&size| [6, size]).collect::<Vec<_>>(), "{name}");
        assert_eq!(network.layers(), sizes.len(), "{name}");
        assert_eq!(values(encoded.layers.last().unwrap()), values(&encoded.pooled), "{name}");
        let pooled = build(&(plugin.defaults)(), shape, &build_context(1)).unwrap();
        let alone = { pooled }.forward(input, &context());
        assert_eq!(values(&alone), values(&encoded.pooled), "{name}");
    }
}
