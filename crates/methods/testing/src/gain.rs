//! Whether a method helps on a target that is moved.

use isthmus_core::context::NormPolicy;
use isthmus_core::registry::Kind;

use crate::build::{driver, plugin, term};
use crate::problem::TwoDomains;
use crate::workbench::{ModelSpec, Workbench};

/// How far apart domains are of which training on the source alone does not carry over.
pub const FAR: f32 = 3.0;

/// Two domains, of which the target is moved by `shift`, and a model with batch normalisation.
pub fn moved(shift: f32, steps: usize) -> Workbench {
    let data = TwoDomains::shifted(40, 24, shift).batches(20, 12);
    Workbench::new(ModelSpec::NORMALISED, data, steps, 0.1)
}

/// Checks that a term, with its own weight, raises the accuracy on a target that is moved by
/// `shift`, against as many steps on the source alone, and keeps that on the source.
///
/// # Panics
/// If it does not.
#[track_caller]
pub fn assert_term_gains(name: &str, config: &str, shift: f32, steps: usize) {
    let mut bench = moved_for(name, shift, steps);
    let weight = plugin(Kind::Method, name).weight;
    let mut term = term(name, config, &bench.context());
    if let Err(error) = term.begin(&mut bench.stage()) {
        panic!("{name}: {error}");
    }
    bench.train_weighted(term, weight, steps);
    assert_gains(name, config, bench, shift, steps);
}

/// The same of a driver.
///
/// # Panics
/// If it does not.
#[track_caller]
pub fn assert_driver_gains(name: &str, config: &str, shift: f32, steps: usize) {
    let mut bench = moved_for(name, shift, steps);
    let mut driver = driver(name, config, &bench.context());
    if let Err(error) = driver.begin(&mut bench.stage()) {
        panic!("{name}: {error}");
    }
    bench.run(&mut *driver, 0..steps);
    assert_gains(name, config, bench, shift, steps);
}

/// The same, normalised as a method needs it.
fn moved_for(name: &str, shift: f32, steps: usize) -> Workbench {
    let mut bench = moved(shift, steps);
    let grouping = plugin(Kind::Method, name).needs.grouping.unwrap_or_default();
    bench.norm = NormPolicy::TRAIN.grouped(grouping);
    bench
}

#[track_caller]
fn assert_gains(name: &str, config: &str, mut bench: Workbench, shift: f32, steps: usize) {
    let mut alone = moved(shift, steps);
    alone.train_on_source(steps);
    let (before, after) = (alone.target_accuracy(), bench.target_accuracy());
    println!("{name} {config}: target accuracy {before:.3} without, {after:.3} with");
    assert!(after > before, "{name} {config}: {before} to {after}");
    let source = bench.source_accuracy();
    assert!(source > 0.9, "{name} {config}: source {source}");
}
