//! Training steps, by method and number of threads; the counter shows steps a second.
#![allow(missing_docs)]

use divan::counter::ItemsCount;
use isthmus_bench::Steps;

const STEPS: usize = 50;

/// The allocator of the `isthmus` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

#[divan::bench(args = [("dann", 1), ("dann", 2), ("source-only", 1), ("dan", 1), ("mcc", 1), ("deep-coral", 1), ("jan", 1)], sample_count = 7, sample_size = 1)]
fn features(bencher: divan::Bencher, (method, threads): (&str, usize)) {
    let steps = Steps::on_features(method, STEPS, threads);
    bencher.counter(ItemsCount::new(STEPS)).bench(|| steps.run());
}

#[divan::bench(args = [1, 2], sample_count = 5, sample_size = 1)]
fn lenet_source_step_batch_128(bencher: divan::Bencher, threads: usize) {
    let steps = Steps::on_digits(10, threads);
    bencher.counter(ItemsCount::new(10usize)).bench(|| steps.run());
}
