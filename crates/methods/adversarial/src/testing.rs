//! What the tests of several methods share.

use isthmus_core::method::Driver;
use isthmus_core::registry::Kind;
use isthmus_testing::{ModelSpec, TwoDomains, Workbench, driver, plugin, term};

/// Steps of a comparison with training on the source alone.
const STEPS: usize = 200;

/// How far apart the domains are where training on the source alone does not carry over.
pub(crate) const FAR: f32 = 3.0;

/// Two domains that far apart.
pub(crate) fn apart(steps: usize) -> Workbench {
    shifted(FAR, steps)
}

fn shifted(shift: f32, steps: usize) -> Workbench {
    let data = TwoDomains::shifted(40, 24, shift).batches(20, 12);
    Workbench::new(ModelSpec::NORMALISED, data, steps, 0.1)
}

/// Checks that the term, with its own weight, raises the accuracy on a target that is moved by
/// `shift`, and keeps that on the source.
#[track_caller]
pub(crate) fn assert_term_gains(name: &str, config: &str, shift: f32) {
    let mut bench = shifted(shift, STEPS);
    let weight = plugin(Kind::Method, name).weight;
    let term = term(name, config, &bench.context());
    bench.train_weighted(term, weight, STEPS);
    assert_gains(name, &mut bench, shift);
}

/// The same of a driver.
#[track_caller]
pub(crate) fn assert_driver_gains(name: &str, config: &str, shift: f32) {
    let mut bench = shifted(shift, STEPS);
    let mut driver: Box<dyn Driver> = driver(name, config, &bench.context());
    driver.begin(&mut bench.stage()).unwrap();
    bench.run(&mut *driver, 0..STEPS);
    assert_gains(name, &mut bench, shift);
}

#[track_caller]
fn assert_gains(name: &str, bench: &mut Workbench, shift: f32) {
    let mut alone = shifted(shift, STEPS);
    alone.train_on_source(STEPS);
    let (before, after) = (alone.target_accuracy(), bench.target_accuracy());
    println!("{name}: target accuracy {before:.3} without, {after:.3} with");
    assert!(after > before, "{name}: {before} to {after}");
    assert!(bench.source_accuracy() > 0.9, "{name}: source {}", bench.source_accuracy());
}
