//! Every plugin, built from its configuration.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use burn::tensor::{Tensor, activation};
use isthmus_core::context::{Context, DomainRole};
use isthmus_core::error::NetworkError;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::parts::{Discriminator, Extractor};
use isthmus_core::registry::{
    BottleneckKind, ClassifierKind, DiscriminatorKind, ExtractorKind, Kind, Plugin, builder, find,
    plugins,
};
use isthmus_core::states::PaddedSeries;
use isthmus_layers::testing::{build_context, device, normal, state, training, values};
use isthmus_nn as _;
use serde_json::{Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

const SOURCE: DomainRole = DomainRole::SOURCE;
const TARGET: DomainRole = DomainRole::Target;
const GREY: InputShape = InputShape::Image { channels: 1, height: 28, width: 28 };
const SERIES: InputShape = InputShape::Series { channels: 3, length: 40 };
const RGB: InputShape = InputShape::Image { channels: 3, height: 64, width: 64 };

fn plugin(kind: Kind, name: &str) -> &'static Plugin {
    find(kind, name).unwrap_or_else(|| panic!("there is a {} `{name}`", kind.name()))
}

fn extractor(
    name: &str,
    config: &Value,
    shape: InputShape,
) -> Result<Box<dyn Extractor>, NetworkError> {
    let build = builder::<ExtractorKind>(name).unwrap().build;
    build(config, shape, &build_context(1))
}

/// The default configuration, with random weights where there are pretrained ones.
fn defaults(plugin: &Plugin) -> Value {
    let mut config = (plugin.defaults)();
    if let Some(weights) = config.get_mut("weights") {
        *weights = json!("random");
    }
    config
}

fn discriminator(name: &str, domains: usize) -> Box<dyn Discriminator> {
    let plugin = plugin(Kind::Discriminator, name);
    let build = builder::<DiscriminatorKind>(name).unwrap();
    build(&defaults(plugin), 16, domains, &build_context(1)).unwrap()
}

fn resolve(kind: Kind, name: &str, text: &str) -> Result<Value, String> {
    let table = DeTable::parse(text).unwrap().into_inner();
    let value = Spanned::new(0..text.len(), DeValue::Table(table));
    (plugin(kind, name).resolve)(value).map_err(|problem| problem.message)
}

fn inputs(rows: usize, shape: InputShape) -> Input {
    match shape {
        InputShape::Image { channels, height, width } => {
            Input::Images(normal([rows, channels, height, width], 3))
        }
        InputShape::Series { channels, length } => {
            Input::Series(normal([rows, channels, length], 3))
        }
        InputShape::Features { size } => Input::Features(normal([rows, size], 3)),
        InputShape::VariableSeries { channels, longest } => Input::VariableSeries(PaddedSeries {
            values: normal([rows, channels, longest], 3),
            lengths: vec![longest; rows],
        }),
        InputShape::Text => {
            Input::Texts((0..rows).map(|row| format!("text {row} is about {}", row % 3)).collect())
        }
    }
}

#[test]
fn every_extractor_builds_by_default_and_trains() {
    let names: Vec<&str> =
        plugins(Kind::Extractor).iter().map(|plugin| plugin.about.name).collect();
    assert_eq!(
        names,
        [
            "cnn1d",
            "deep-averaging",
            "efficientnet-lite0",
            "identity",
            "lenet",
            "minilm",
            "mlp",
            "resnet101",
            "resnet18",
            "resnet1d",
            "resnet34",
            "resnet50",
            "tcn",
            "vit"
        ]
    );
    for name in names.into_iter().filter(|&name| name != "resnet101") {
        let shape = match name {
            "cnn1d" | "resnet1d" | "tcn" => SERIES,
            "identity" | "lenet" | "mlp" => GREY,
            "deep-averaging" | "minilm" => InputShape::Text,
            _ => RGB,
        };
        let config = defaults(plugin(Kind::Extractor, name));
        let mut network = extractor(name, &config, shape).unwrap();
        let context = training(&[(SOURCE, 2), (TARGET, 2)]);
        let features = network.forward(inputs(4, shape), &context);
        assert_eq!(features.dims(), [4, network.output_size()], "{name}");
        assert!(values(&features).iter().all(|value| value.is_finite()), "{name}");
        let weights = normal(features.dims(), 4);
        if network.parameter_count() > 0 {
            let gradients = (features * weights).sum().backward();
            assert!(network.gradient_square_sum(&gradients) > 0.0, "{name}");
        }
    }
}

#[test]
fn copies_of_an_extractor_are_independent() {
    let odd = InputShape::Image { channels: 3, height: 75, width: 50 };
    let cases = [("mlp", GREY), ("resnet18", RGB), ("efficientnet-lite0", RGB)];
    for (name, shape) in cases.into_iter().chain([("efficientnet-lite0", odd)]) {
        let config = defaults(plugin(Kind::Extractor, name));
        let mut network = extractor(name, &config, shape).unwrap();
        network.forward(inputs(4, shape), &training(&[(SOURCE, 4)]));
        let before = state(&*network);
        let mut copy = network.training_copy();
        assert_eq!(state(&*copy), before, "{name}");
        let features = copy.forward(inputs(4, shape), &training(&[(SOURCE, 4)]));
        let gradients = features.square().sum().backward();
        assert!(copy.gradient_square_sum(&gradients) > 0.0, "{name}");
        assert_eq!(network.gradient_square_sum(&gradients), 0.0, "{name}");
        assert_eq!(state(&*network), before, "{name}");
        assert_ne!(state(&*copy), before, "{name}");
        // Off the tape, normalisation is folded into convolutions: the values stay.
        let context = || Context::evaluate(TARGET, 4);
        let taped = values(&network.forward(inputs(4, shape), &context()));
        let mut evaluated = network.evaluation_copy();
        let InputShape::Image { channels, height, width } = shape else { unreachable!() };
        let plain = normal([4, channels, height, width], 3).inner();
        let untaped = values(&evaluated.forward(Input::Images(plain), &context()));
        let largest = taped.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        isthmus_layers::testing::close(&untaped, &taped, 1e-4 * largest);
        assert_eq!(state(&*evaluated), before, "{name}");
    }
}

#[test]
fn the_key_decides_the_initial_weights() {
    let build = |key: u64| {
        let plugin = plugin(Kind::Extractor, "lenet");
        let mut context = build_context(1);
        context.key = isthmus_core::random::Key::new(key);
        let build = builder::<ExtractorKind>("lenet").unwrap().build;
        state(&*build(&defaults(plugin), GREY, &context).unwrap())
    };
    assert_eq!(build(1), build(1));
    assert_ne!(build(1), build(2));
}

#[test]
fn unsuitable_inputs_are_refused() {
    let features = InputShape::Features { size: 16 };
    let small = InputShape::Image { channels: 1, height: 12, width: 12 };
    let random = json!({ "weights": "random" });
    for (name, config, shape, found) in [
        ("lenet", json!({ "dropout": 0.5 }), features, "features [16]"),
        ("lenet", json!({ "dropout": 0.5 }), small, "at least 16x16"),
        ("efficientnet-lite0", random.clone(), GREY, "images [1, 28, 28]"),
        ("resnet50", random, features, "features [16]"),
        ("identity", json!({}), InputShape::Features { size: 0 }, "features [0]"),
        ("cnn1d", json!({}), GREY, "images [1, 28, 28]"),
    ] {
        let Err(error) = extractor(name, &config, shape) else { panic!("{name} takes {shape}") };
        assert!(error.to_string().contains(found), "{name}: {error}");
    }
}

#[test]
fn bottleneck_and_classifiers_build_by_default() {
    let context = build_context(1);
    let bottleneck = plugin(Kind::Bottleneck, "linear");
    let build = builder::<BottleneckKind>("linear").unwrap();
    let shape = InputShape::Features { size: 32 };
    let mut network = build(&defaults(bottleneck), shape, &context).unwrap();
    assert_eq!(network.output_size(), 256);
    let output = network.forward(Input::Features(normal([6, 32], 1)), &training(&[(SOURCE, 6)]));
    assert_eq!(output.dims(), [6, 256]);
    assert!(values(&output).iter().all(|&value| value >= 0.0));
    for plugin in plugins(Kind::Classifier) {
        let name = plugin.about.name;
        let build = builder::<ClassifierKind>(name).unwrap();
        let mut network = build(&defaults(plugin), 32, 5, &context).unwrap();
        assert_eq!(network.classes(), 5, "{name}");
        let input = normal([6, 32], 1).require_grad();
        let logits = network.forward(input.clone(), &training(&[(SOURCE, 6)]));
        assert_eq!(logits.dims(), [6, 5], "{name}");
        let gradients = (logits * normal([6, 5], 2)).sum().backward();
        assert!(network.gradient_square_sum(&gradients) > 0.0, "{name}");
        assert!(input.grad(&gradients).is_some(), "{name}");
        let copy = network.training_copy();
        assert_eq!(state(&*copy), state(&*network), "{name}");
        assert_eq!(copy.gradient_square_sum(&gradients), 0.0, "{name}");
        assert_eq!(network.evaluation_copy().classes(), 5, "{name}");
    }
}

/// A peer's default domain classifier ends in a softmax over one unit: its output is always 1, and
/// neither it nor the features get a gradient.
#[test]
fn a_discriminators_output_is_not_constant() {
    for name in ["mlp", "linear"] {
        let mut network = discriminator(name, 2);
        let features = normal([8, 16], 1).require_grad();
        let logits = network.forward(features.clone(), &training(&[(SOURCE, 4), (TARGET, 4)]));
        assert_eq!(logits.dims(), [8, 1], "{name}");
        let numbers = values(&logits);
        assert!(numbers.iter().any(|value| (value - numbers[0]).abs() > 1e-3), "{name}");
        let labels = Tensor::<2>::ones([8, 1], &device());
        let loss = (activation::sigmoid(logits) - labels).square().mean();
        let gradients = loss.backward();
        assert!(network.gradient_square_sum(&gradients) > 0.0, "{name}");
        let gradient = values(&features.grad(&gradients).unwrap());
        assert!(gradient.iter().any(|value| value.abs() > 1e-8), "{name}");
    }
}

#[test]
fn more_domains_get_a_logit_each() {
    for name in ["mlp", "linear"] {
        let logits = discriminator(name, 4).forward(normal([4, 16], 1), &training(&[(SOURCE, 4)]));
        assert_eq!(logits.dims(), [4, 4], "{name}");
    }
    let build = builder::<DiscriminatorKind>("linear").unwrap();
    assert!(build(&json!({}), 16, 1, &build_context(1)).is_err());
}

#[test]
fn a_discriminator_without_batch_norm_drops() {
    let build = builder::<DiscriminatorKind>("mlp").unwrap();
    let config =
        json!({ "hidden": [32], "batch_norm": false, "activation": "relu", "dropout": 0.5 });
    let mut network = build(&config, 16, 2, &build_context(1)).unwrap();
    let mut logits = |context: &Context| values(&network.forward(normal([4, 16], 1), context));
    let context = training(&[(SOURCE, 4)]);
    assert_ne!(logits(&context), logits(&context));
    assert_eq!(logits(&Context::evaluate(SOURCE, 4)), logits(&Context::evaluate(SOURCE, 4)));
}

#[test]
fn wrong_fields_are_told() {
    let problem = |kind, name, text| resolve(kind, name, text).unwrap_err();
    assert!(problem(Kind::Extractor, "mlp", "hidden = []").contains("`hidden` is empty"));
    assert!(problem(Kind::Extractor, "mlp", "hidden = [0]").contains("size of 0"));
    assert!(problem(Kind::Extractor, "lenet", "dropout = 1.0").contains("probability in [0, 1)"));
    assert!(problem(Kind::Bottleneck, "linear", "size = 0").contains("size of 0"));
    assert!(problem(Kind::Bottleneck, "linear", "sice = 9").contains("unknown field"));
    assert!(problem(Kind::Classifier, "cosine", "scale = 0").contains("above 0"));
    assert!(problem(Kind::Discriminator, "mlp", "dropout = nan").contains("probability"));
    let resolved = resolve(Kind::Extractor, "resnet50", "weights = 'mine.pth'").unwrap();
    assert_eq!(resolved, json!({ "weights": "mine.pth" }));
}

#[test]
fn pretrained_extractors_state_their_transform() {
    for name in ["efficientnet-lite0", "resnet18", "lenet"] {
        let plugin = plugin(Kind::Extractor, name);
        let builder = builder::<ExtractorKind>(name).unwrap();
        let transform = (builder.transform)(&defaults(plugin)).unwrap();
        assert_eq!(transform.mean.len(), transform.std.len(), "{name}");
        assert_eq!((builder.weights)(&defaults(plugin)), None, "{name}");
        if name == "efficientnet-lite0" {
            let scaled = |pixel: f64| (pixel / 255.0 - transform.mean[0]) / transform.std[0];
            assert!((scaled(127.0)).abs() < 1e-12 && (scaled(255.0) - 1.0).abs() < 1e-12);
        }
    }
}
