//! The extractor `vit` against Hugging Face's, by what `bench/peers/vit.py` wrote.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::{Tensor, TensorData};
use isthmus_core::config::PluginConfig;
use isthmus_core::context::{Context, DomainRole, Grouping};
use isthmus_core::input::{Input, InputShape};
use isthmus_core::network::Network;
use isthmus_core::parts::Extractor;
use isthmus_core::registry::{ExtractorKind, builder};
use isthmus_layers::testing::{build_context, device, joint_training, state, values};
use isthmus_nn::extractors::{Vit, VitConfig, VitShape};
use isthmus_nn::weights::read;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::json;

const SHAPE: VitShape =
    VitShape { patch: 4, hidden: 16, layers: 2, heads: 2, mlp: 24, dropout: 0.0 };

/// Paths in the network, and Hugging Face's names.
const GRADIENTS: [(&str, &str); 7] = [
    ("class_token", "embeddings.cls_token"),
    ("positions", "embeddings.position_embeddings"),
    ("patches.bias", "embeddings.patch_embeddings.projection.bias"),
    ("blocks.0.attention_norm.weight", "encoder.layer.0.layernorm_before.weight"),
    ("blocks.0.attention.query.weight", "encoder.layer.0.attention.attention.query.weight"),
    ("blocks.1.hidden.weight", "encoder.layer.1.intermediate.dense.weight"),
    ("norm.bias", "layernorm.bias"),
];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vit").join(name)
}

fn outputs() -> BTreeMap<String, TensorData> {
    read(&file("outputs.safetensors")).unwrap()
}

fn tensor<const D: usize>(data: &TensorData) -> Tensor<D> {
    Tensor::from_data(data.clone(), &device())
}

/// Values within 1e-5 of the largest expected one.
fn equal(what: &str, got: &[f32], expected: &TensorData) {
    let expected: Vec<f32> = expected.try_to_vec().unwrap();
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    assert!(largest > 1e-3, "{what}");
    for (got, want) in got.iter().zip(&expected) {
        assert!((got - want).abs() <= 1e-5 * largest, "{what}: {got} is not {want}");
    }
}

fn loaded(grid: [usize; 2]) -> Vit {
    let mut network = Vit::new(SHAPE, 3, grid, &build_context(1));
    network.load(&file("weights.safetensors")).unwrap();
    network
}

#[test]
fn features_layers_and_gradients_are_those_of_transformers() {
    let outputs = outputs();
    let mut network = loaded([4, 4]);
    let images = Input::Images(tensor(&outputs["images"]));
    let encoded = network.encode(images.clone(), &joint_training(1, 1));
    equal("features", &values(&encoded.pooled), &outputs["features"]);
    assert_eq!(encoded.layers.len(), network.layers());
    equal("first layer", &values(&encoded.layers[0]), &outputs["first_layer"]);
    equal("last layer", &values(&encoded.layers[1]), &outputs["features"]);
    let alone = network.forward(images, &joint_training(1, 1));
    assert_eq!(values(&alone), values(&encoded.pooled));

    let gradients = (encoded.pooled * tensor::<2>(&outputs["direction"])).sum().backward();
    let mut found = BTreeMap::new();
    network.visit_gradients(&gradients, &mut |parameter, gradient| {
        found.insert(parameter.path.to_owned(), values(&gradient));
    });
    for (path, published) in GRADIENTS {
        let expected = &outputs[&format!("gradient.{published}")];
        // Weights of linear layers are stored `[output, input]` there.
        let is_linear = expected.shape().len() == 2;
        let expected = if is_linear {
            tensor::<2>(expected).transpose().into_data()
        } else {
            expected.clone()
        };
        equal(path, &found[path], &expected);
    }
}

#[test]
fn positions_are_interpolated_for_images_of_another_size() {
    let outputs = outputs();
    let images = Input::Images(tensor(&outputs["wide_images"]));
    let context = Context::evaluate(DomainRole::Target, 2);
    let features = loaded([6, 5]).forward(images, &context);
    equal("features", &values(&features), &outputs["wide_features"]);
}

#[test]
fn a_prefix_may_be_missing_and_what_is_exported_is_what_was_loaded() {
    let weights = read(&file("weights.safetensors")).unwrap();
    let exported = loaded([4, 4]).pytorch(Grouping::Shared).unwrap();
    // All but those of the classifier.
    assert_eq!(exported.len(), weights.len() - 2);
    for tensor in &exported {
        assert_eq!(tensor.data, weights[&format!("vit.{}", tensor.path)], "{}", tensor.path);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bare.safetensors");
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = exported
        .iter()
        .map(|tensor| {
            let values: Vec<f32> = tensor.data.try_to_vec().unwrap();
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (tensor.path.clone(), tensor.data.shape().to_vec(), bytes)
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    safetensors::serialize_to_file(views, None, &path).unwrap();
    let mut bare = Vit::new(SHAPE, 3, [4, 4], &build_context(1));
    bare.load(&path).unwrap();
    assert_eq!(state(&bare), state(&loaded([4, 4])));
}

#[test]
fn weights_of_another_network_and_damaged_files_are_refused() {
    let shape = VitShape { hidden: 8, ..SHAPE };
    let mut network = Vit::new(shape, 3, [4, 4], &build_context(1));
    let error = network.load(&file("weights.safetensors")).unwrap_err().to_string();
    assert!(error.contains("weights.safetensors: not the weights of this network"), "{error}");
    assert!(error.contains("embeddings.cls_token [1, 1, 16] instead of [1, 1, 8]"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.safetensors");
    let bytes = std::fs::read(file("weights.safetensors")).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = network.load(&path).unwrap_err().to_string();
    assert!(error.contains("half.safetensors: not a safetensors file"), "{error}");
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let build = builder::<ExtractorKind>("vit").unwrap().build;
    let config = json!({ "patch": 5, "image_size": 30 });
    let shape = InputShape::Image { channels: 3, height: 32, width: 30 };
    let error = build(&config, shape, &build_context(1)).err().unwrap().to_string();
    assert!(error.contains("multiples of 5 pixels") && error.contains("[3, 32, 30]"), "{error}");

    let problem = |config: VitConfig| config.check().unwrap_err();
    let heads = problem(VitConfig { heads: Some(5), ..VitConfig::default() });
    assert!(heads.field == "heads" && heads.message.contains("divide the 192"), "{heads:?}");
    let patch = problem(VitConfig { patch: 15, ..VitConfig::default() });
    assert!(patch.field == "patch" && patch.message.contains("224"), "{patch:?}");
    let weights = problem(VitConfig { weights: "imagenet".into(), ..VitConfig::default() });
    assert!(weights.message.contains("path of a .safetensors"), "{weights:?}");
    assert!(problem(VitConfig { mlp: Some(0), ..VitConfig::default() }).field == "mlp");
}
