//! Steps that train a whole network, by network and number of threads; the counter shows steps a second.
//! Networks of images take some seconds a step: `just bench networks -- resnet18` runs one of them.
#![allow(missing_docs)]

use divan::counter::ItemsCount;
use isthmus_bench::Steps;

const STEPS: usize = 4;
const SERIES_STEPS: usize = 20;

/// The allocator of the `isthmus` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

#[divan::bench(args = [1, 2], sample_count = 3, sample_size = 1)]
fn resnet18_dann_8_and_8(bencher: divan::Bencher, threads: usize) {
    run(bencher, &Steps::on_images("resnet18", 8, STEPS, threads), STEPS);
}

#[divan::bench(args = [1, 2], sample_count = 3, sample_size = 1)]
fn resnet50_dann_4_and_4(bencher: divan::Bencher, threads: usize) {
    run(bencher, &Steps::on_images("resnet50", 4, STEPS, threads), STEPS);
}

#[divan::bench(args = [1, 2], sample_count = 3, sample_size = 1)]
fn efficientnet_lite0_dann_12_and_12(bencher: divan::Bencher, threads: usize) {
    run(bencher, &Steps::on_images("efficientnet-lite0", 12, STEPS, threads), STEPS);
}

#[divan::bench(args = [("cnn1d", 1), ("cnn1d", 2), ("tcn", 1), ("tcn", 2), ("resnet1d", 1), ("resnet1d", 2)], sample_count = 7, sample_size = 1)]
fn series_source_step_batch_32(bencher: divan::Bencher, (extractor, threads): (&str, usize)) {
    run(bencher, &Steps::on_series(extractor, SERIES_STEPS, threads), SERIES_STEPS);
}

fn run(bencher: divan::Bencher, steps: &Steps, count: usize) {
    bencher.counter(ItemsCount::new(count)).bench(|| steps.run());
}
