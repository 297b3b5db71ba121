//! Feature extraction with random weights, batch 32; the counter shows images or sentences a second.
#![allow(missing_docs)]

use burn::tensor::{Device, Tensor};
use divan::counter::ItemsCount;
use isthmus_core::context::{Context, DomainRole};
use isthmus_core::input::{Input, InputShape};
use isthmus_core::parts::BuildContext;
use isthmus_core::random::Key;
use isthmus_core::spec::PluginSpec;
use isthmus_engine::build_extractor;
use isthmus_nn as _;

const IMAGES: usize = 32;
const SENTENCES: usize = 32;

/// The allocator of the `isthmus` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

#[divan::bench(
    args = [("efficientnet-lite0", 1), ("efficientnet-lite0", 2), ("resnet18", 1), ("resnet18", 2)],
    sample_count = 5,
    sample_size = 1,
)]
fn features(bencher: divan::Bencher, (network, threads): (&str, usize)) {
    let device = Device::flex();
    let spec =
        PluginSpec { name: network.to_owned(), config: serde_json::json!({ "weights": "random" }) };
    let shape = InputShape::Image { channels: 3, height: 224, width: 224 };
    let context = BuildContext { device: device.clone(), key: Key::new(0), sources: 1 };
    let mut network = build_extractor(&spec, shape, &context)
        .expect("random weights need no file")
        .evaluation_copy();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("the machine can start a few threads");
    let images = Tensor::<4>::ones([IMAGES, 3, 224, 224], &device).mul_scalar(0.1);
    bencher.counter(ItemsCount::new(IMAGES)).bench_local(|| {
        pool.install(|| {
            let context = Context::evaluate(DomainRole::Target, IMAGES);
            network.forward(Input::Images(images.clone()), &context).into_data()
        })
    });
}

/// MiniLM on sentences of 128 tokens.
#[divan::bench(args = [1, 2], sample_count = 5, sample_size = 1)]
fn sentences(bencher: divan::Bencher, threads: usize) {
    let device = Device::flex();
    let spec = PluginSpec {
        name: "minilm".to_owned(),
        config: serde_json::json!({ "weights": "random", "tokens": 128 }),
    };
    let context = BuildContext { device, key: Key::new(0), sources: 1 };
    let mut network = build_extractor(&spec, InputShape::Text, &context)
        .expect("random weights need no file")
        .evaluation_copy();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("the machine can start a few threads");
    // A word is one piece, so that what is beyond 128 pieces is cut off.
    let texts = vec!["word ".repeat(128); SENTENCES];
    bencher.counter(ItemsCount::new(SENTENCES)).bench_local(|| {
        pool.install(|| {
            let context = Context::evaluate(DomainRole::Target, SENTENCES);
            network.forward(Input::Texts(texts.clone()), &context).into_data()
        })
    });
}
