//! MK-MMD with five kernels, forward and backward, 256 features.
#![allow(missing_docs)]

use burn::tensor::{Device, Tensor, TensorData};
use isthmus_core::random::Key;
use isthmus_losses::discrepancy::{DAN_WIDTHS, mk_mmd_quadratic};
use rand::RngExt;

/// The allocator of the `isthmus` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

fn rows(name: &str, count: usize) -> Tensor<2> {
    let mut rng = Key::new(0).named(name).rng();
    let values: Vec<f32> = (0..count * 256).map(|_| rng.random_range(-1.0..1.0)).collect();
    let device = Device::flex().autodiff();
    Tensor::from_data(TensorData::new(values, [count, 256]), &device).require_grad()
}

#[divan::bench(args = [(32, 1), (256, 1), (1024, 1), (1024, 2)], sample_count = 10, sample_size = 1)]
fn mk_mmd(bencher: divan::Bencher, (count, threads): (usize, usize)) {
    let (source, target) = (rows("source", count), rows("target", count));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("the machine can start a few threads");
    bencher.bench(|| {
        pool.install(|| {
            mk_mmd_quadratic(source.clone(), target.clone(), &DAN_WIDTHS).backward();
        });
    });
}
