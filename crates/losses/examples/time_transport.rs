//! Prints how long transport plans take, and writes the matrices of costs for
//! `bench/peers/transport.py`, which measures POT on the same ones.
//!
//! ```text
//! RAYON_NUM_THREADS=1 cargo run --release -p isthmus-losses --example time_transport -- FOLDER
//! ```

use burn::tensor::{Device, Distribution, Tensor};
use isthmus_losses::discrepancy::{HostMatrix, Sinkhorn, exact_plan, sinkhorn_plan};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const FEATURES: usize = 256;

/// As many sweeps for both, whatever the tolerance.
const SWEEPS: usize = 100;

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).map(PathBuf::from);
    println!("milliseconds for a plan; entropic: {SWEEPS} sweeps");
    println!(
        "{:>9} {:>9} {:>14} {:>14} {:>14}",
        "rows", "exact", "entropic 0.5", "entropic 0.05", "entropic 0.005"
    );
    for rows in [32, 64, 128, 256] {
        let costs = costs(rows);
        if let Some(folder) = &folder {
            let bytes: Vec<u8> = costs.values.iter().flat_map(|it| it.to_le_bytes()).collect();
            std::fs::write(folder.join(format!("costs-{rows}.f64")), bytes)?;
        }
        let mean = costs.values.iter().sum::<f64>() / costs.values.len() as f64;
        let entropic = [0.5, 0.05, 0.005].map(|share| {
            let settings = Sinkhorn { epsilon: share * mean, sweeps: SWEEPS, tolerance: 0.0 };
            milliseconds(|| sinkhorn_plan(&costs, settings).value)
        });
        let exact = milliseconds(|| exact_plan(&costs).values[0]);
        println!(
            "{rows:>9} {exact:>9.3} {:>14.3} {:>14.3} {:>14.3}",
            entropic[0], entropic[1], entropic[2]
        );
    }
    Ok(())
}

/// Squared distances of normal rows.
fn costs(rows: usize) -> HostMatrix {
    let device = Device::flex();
    let draw = || Tensor::<2>::random([rows, FEATURES], Distribution::Normal(0.0, 1.0), &device);
    let (source, target) = (draw(), draw());
    let squares = |rows: &Tensor<2>| rows.clone().square().sum_dim(1);
    let sums = squares(&source) + squares(&target).transpose();
    HostMatrix::of(&(sums - source.matmul(target.transpose()).mul_scalar(2.0)))
}

/// The median of repeated runs over half a second.
fn milliseconds(run: impl Fn() -> f64) -> f64 {
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 5 || begin.elapsed() < Duration::from_millis(500) {
        let start = Instant::now();
        std::hint::black_box(run());
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
