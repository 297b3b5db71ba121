//! Claims about the image and text networks of `isthmus-nn`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use burn::tensor::{Device, Tensor, TensorData};
use isthmus_core::context::{Context, DomainRole};
use isthmus_core::input::Input;
use isthmus_core::network::Network;
use isthmus_core::parts::{BuildContext, Extractor};
use isthmus_core::random::Key;
use isthmus_nn::extractors::{EfficientNetLite0, MiniLm, MiniLmConfig, ResNet};
use isthmus_nn::weights::{Named, folders, published, put, read};

use super::Claim;
use super::pixels::Formula;
use crate::ReferenceError;
use crate::format::{Array, Case};
use crate::outputs::Outputs;

type Result<T> = std::result::Result<T, ReferenceError>;

const FAMILY: &str = "models";
const EFFICIENTNET: &str = "efficientnet-lite0";
const MINILM: &str = "minilm";

pub(super) const CLAIMS: &[Claim] = &[
    Claim { family: FAMILY, name: "efficientnet_lite0", run: efficientnet_lite0 },
    Claim { family: FAMILY, name: "minilm_l6", run: minilm },
    Claim { family: FAMILY, name: "resnet18_forward", run: |case| resnet(case, 18) },
    Claim { family: FAMILY, name: "resnet50_forward", run: |case| resnet(case, 50) },
];

fn build_context() -> BuildContext {
    BuildContext { device: Device::flex(), key: Key::new(0), sources: 1 }
}

fn evaluation(images: &Tensor<4>) -> Context {
    Context::evaluate(DomainRole::Target, images.dims()[0])
}

/// `x W^T + b` with the weight stored `[out, in]`.
fn linear(input: Tensor<2>, weight: &TensorData, bias: &TensorData) -> Tensor<2> {
    let device = Device::flex();
    let weight = Tensor::<2>::from_data(weight.clone(), &device);
    let bias = Tensor::<1>::from_data(bias.clone(), &device);
    input.matmul(weight.transpose()) + bias.unsqueeze()
}

fn entries<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.to_data().iter::<f64>().collect()
}

fn weight_file(name: &str) -> Result<PathBuf> {
    let mut folders = folders();
    folders.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../weights"));
    published(name, &folders)
        .map_err(|_| ReferenceError::Unavailable(format!("the weights of {name}")))
}

fn efficientnet_lite0(case: &Case) -> Result<Outputs> {
    let file =
        read(&weight_file(EFFICIENTNET)?).expect("a file of the published checksum can be read");
    let mut network = EfficientNetLite0::new(&build_context());
    put(&mut network, &file, &EfficientNetLite0::published_name, &["_fc."])
        .expect("the published file holds the weights of the network");
    let images = stated_image(case)?;
    let context = evaluation(&images);
    let features = network.forward(Input::Images(images), &context);
    let logits = entries(&linear(features.clone(), &file["_fc.weight"], &file["_fc.bias"]));
    let features = entries(&features);
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    order.truncate(5);
    let mut outputs = Outputs::new();
    let norm = features.iter().map(|value| value * value).sum::<f64>().sqrt();
    outputs.array("features", Array::vector(features[..20].to_vec()));
    outputs.array("features_norm", Array::scalar(norm));
    outputs.array("logits_first", Array::vector(logits[..20].to_vec()));
    outputs.array("top5_logits", Array::vector(order.iter().map(|&i| logits[i]).collect()));
    outputs.array("top5_index", Array::vector(order.iter().map(|&i| i as f64).collect()));
    Ok(outputs)
}

fn minilm(case: &Case) -> Result<Outputs> {
    let mut network = MiniLm::new(&MiniLmConfig::default(), &build_context());
    network
        .load(&weight_file(MINILM)?)
        .expect("a file of the published checksum holds the weights of the network");
    let texts: Vec<String> = case.texts("sentences")?.into_iter().map(str::to_owned).collect();
    let [rows, longest] = case.input("attention_mask")?.shape_of_rank::<2>()?;
    // The file pads ids with 0.
    let ids = texts.iter().flat_map(|text| {
        let ids = network.ids(text);
        let padding = longest.saturating_sub(ids.len());
        ids.into_iter().map(f64::from).chain(std::iter::repeat_n(0.0, padding)).collect::<Vec<_>>()
    });
    let ids = Array { shape: vec![rows, longest], data: ids.collect() };
    let context = Context::evaluate(DomainRole::Target, texts.len());
    let features = network.forward(Input::Texts(texts), &context);
    let mut outputs = Outputs::new();
    outputs.array("token_ids", ids);
    outputs.tensor("embedding_first16", &features.clone().narrow(1, 0, 16));
    outputs.tensor("cosine", &features.clone().matmul(features.transpose()));
    Ok(outputs)
}

/// The image whose pixels the case's formula states, normalised as the network's weights expect.
fn stated_image(case: &Case) -> Result<Tensor<4>> {
    let formula = Formula::read(case.text("pixel")?)?;
    let shape: Vec<usize> =
        case.numbers("input_shape")?.into_iter().map(|extent| extent as usize).collect();
    let &[1, channels, height, width] = shape.as_slice() else {
        return Err(ReferenceError::Rank { shape, rank: 4 });
    };
    // The file has the first pixels of the second row: a formula that was misread shows there.
    let stated = case.input("first_pixels_row1")?;
    let [_, first] = stated.shape_of_rank::<2>()?;
    for (channel, expected) in stated.data.chunks(first).enumerate() {
        let found: Vec<f64> = (0..first).map(|x| formula.at(channel, 1, x)).collect();
        if found != expected {
            let expected = expected.to_vec();
            return Err(ReferenceError::OtherPixels { channel, expected, found });
        }
    }
    let mut values = Vec::with_capacity(channels * height * width);
    for c in 0..channels {
        for y in 0..height {
            values.extend((0..width).map(|x| (formula.at(c, y, x) as f32 - 127.0) / 128.0));
        }
    }
    let data = TensorData::new(values, [1, channels, height, width]);
    Ok(Tensor::from_data(data, &Device::flex()))
}

/// The number that the files' formula puts at a position of a tensor.
fn drawn(index: usize, tensor: usize) -> f64 {
    let remainder = (7919 * index + 104_729 * tensor) % 1009;
    2.0 * (remainder as f64 / 1009.0 - 0.5)
}

/// The tensor of a name and shape, the `position`-th of the state dict.
fn by_formula(name: &str, shape: &[usize], position: usize) -> TensorData {
    let fan_in: usize = shape[1..].iter().product();
    let value = |number: f64| match name.rsplit('.').next() {
        Some("running_var") => 1.0 + 0.2 * number.abs(),
        Some("bias" | "running_mean") => 0.1 * number,
        _ if shape.len() == 1 => 1.0 + 0.1 * number,
        _ => (6.0 / fan_in as f64).sqrt() * number,
    };
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|index| value(drawn(index, position)) as f32).collect();
    TensorData::new(values, shape)
}

/// A network with weights by formula, and the number of its tensors in the state dict. Made once a
/// depth: drawing 25 million values takes longer than all passes through them.
fn formula_network(depth: usize) -> (ResNet, usize) {
    static SHALLOW: OnceLock<(ResNet, usize)> = OnceLock::new();
    static DEEP: OnceLock<(ResNet, usize)> = OnceLock::new();
    let made = if depth < 50 { &SHALLOW } else { &DEEP };
    made.get_or_init(|| {
        let mut network = ResNet::new(depth, &build_context());
        // The tensors of the network come in the order of torchvision's state dict.
        let mut state: BTreeMap<String, TensorData> = BTreeMap::new();
        for tensor in network.tensors() {
            if let Named::File(name) = ResNet::published_name(&tensor.path)
                && !state.contains_key(&name)
            {
                let data = by_formula(&name, tensor.data.shape(), state.len());
                state.insert(name, data);
            }
        }
        put(&mut network, &state, &ResNet::published_name, &[])
            .expect("the tensors were named and shaped after the network's own");
        (network, state.len())
    })
    .clone()
}

fn resnet(case: &Case, depth: usize) -> Result<Outputs> {
    const CLASSES: usize = 1000;
    let (mut network, tensors) = formula_network(depth);
    let shape: Vec<usize> =
        case.numbers("input_shape")?.into_iter().map(|extent| extent as usize).collect();
    let position = case.count("input_k")?;
    let count: usize = shape.iter().product();
    let pixels: Vec<f32> = (0..count).map(|index| drawn(index, position) as f32).collect();
    let images = Tensor::<4>::from_data(TensorData::new(pixels, shape), &Device::flex());
    let context = evaluation(&images);

    let mut outputs = Outputs::new();
    let activations = network.activations(images.clone(), &context);
    let (mut means, mut deviations) = (Vec::new(), Vec::new());
    for activation in &activations {
        let values = entries(activation);
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        means.push(mean);
        deviations.push((squares / (count - 1.0)).sqrt());
    }
    outputs.array("stage_mean", Array::vector(means));
    outputs.array("stage_std", Array::vector(deviations));

    let features = network.forward(Input::Images(images), &context);
    let [rows, size] = features.dims();
    let weight = by_formula("fc.weight", &[CLASSES, size], tensors);
    let bias = by_formula("fc.bias", &[CLASSES], tensors + 1);
    let logits = linear(features.clone(), &weight, &bias);
    let stored = case.count("features_stored")?;
    outputs.tensor("features", &features.narrow(1, 0, stored));
    outputs.tensor("logits", &logits.clone().narrow(1, 0, case.count("logits_stored")?));
    outputs.integers("argmax", &logits.argmax(1).reshape([rows]));
    Ok(outputs)
}
