//! Prints how long one value and gradient of each batch loss takes, by batch size.
//!
//! ```text
//! RAYON_NUM_THREADS=1 cargo run --release -p isthmus-losses --example time_losses
//! ```

use burn::tensor::{Device, Distribution, Tensor, activation::softmax};
use isthmus_losses::adversarial::{
    batch_spectral_penalization, dann_domain_bce, gradient_reversal,
};
use isthmus_losses::discrepancy::{
    DAN_WIDTHS, JointLayer, coral, jmmd, mk_mmd_linear, mk_mmd_quadratic,
};
use isthmus_losses::target::{bnm, entropy, mcc};
use std::time::{Duration, Instant};

const FEATURES: usize = 256;
const CLASSES: usize = 31;

fn main() {
    println!("milliseconds for a value and its gradient, {FEATURES} features, {CLASSES} classes");
    println!("{:<20} {:>9} {:>9} {:>9}", "rows a domain", 32, 256, 1024);
    let features = FEATURES;
    row("mk_mmd_quadratic", features, |source, target| {
        mk_mmd_quadratic(source, target, &DAN_WIDTHS)
    });
    row("mk_mmd_linear", features, |source, target| mk_mmd_linear(source, target, &DAN_WIDTHS));
    row("jmmd", features, |source, target| {
        let [p, q] = [&source, &target].map(|rows| softmax(rows.clone().narrow(1, 0, CLASSES), 1));
        jmmd(&[JointLayer::features(source, target), JointLayer::probabilities(p, q)])
    });
    row("coral", features, coral);
    row("dann_domain_bce", 1, |source, target| {
        dann_domain_bce(gradient_reversal(source, 1.0), gradient_reversal(target, 1.0))
    });
    row("bsp", features, |source, target| {
        batch_spectral_penalization(source, 1) + batch_spectral_penalization(target, 1)
    });
    row("entropy", CLASSES, |_, target| entropy(target));
    row("mcc", CLASSES, |_, target| mcc(target, 2.5));
    row("bnm", CLASSES, |_, target| bnm(target));
}

fn row(name: &str, columns: usize, loss: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<1>) {
    let times = [32, 256, 1024].map(|rows| milliseconds(rows, columns, &loss));
    println!("{name:<20} {:>9.3} {:>9.3} {:>9.3}", times[0], times[1], times[2]);
}

/// The median of repeated runs over half a second.
fn milliseconds(
    rows: usize,
    columns: usize,
    loss: &impl Fn(Tensor<2>, Tensor<2>) -> Tensor<1>,
) -> f64 {
    let device = Device::flex().autodiff();
    let rows = || Tensor::random([rows, columns], Distribution::Normal(0.0, 1.0), &device);
    let (source, target) = (rows().require_grad(), rows().require_grad());
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 5 || begin.elapsed() < Duration::from_millis(500) {
        let start = Instant::now();
        let gradients = loss(source.clone(), target.clone()).backward();
        std::hint::black_box(target.grad(&gradients));
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
