//! Two small domains of images, for the tests of this crate.

use isthmus_core::input::InputShape;
use isthmus_core::method::MethodContext;
use isthmus_testing::{ModelSpec, TwoDomains, Workbench, context, driver};

/// Images of which the target's are fainter by `fading`.
pub(crate) fn bench(fading: f32, steps: usize) -> Workbench {
    let spec = ModelSpec { extractor: ("mlp", "hidden = [24, 12]"), ..ModelSpec::NORMALISED };
    let data = TwoDomains::images(40, 24, fading).batches(20, 12);
    Workbench::new(spec, data, steps, 0.05)
}

/// Of images of 6 x 6 pixels.
pub(crate) fn image_context() -> MethodContext {
    let input_shape = InputShape::Image { channels: 1, height: 6, width: 6 };
    MethodContext { input_shape, ..context(4, 3, 1) }
}

/// Checks that a driver raises the accuracy on the target, against as many steps on the source
/// alone, and keeps that on the source; after a stage on the source, if it is `trained`.
#[track_caller]
pub(crate) fn assert_gains(name: &str, config: &str, fading: f32, trained: bool) {
    const STEPS: usize = 300;
    let mut alone = bench(fading, STEPS);
    alone.train_on_source(STEPS);
    let mut adapted = bench(fading, STEPS);
    if trained {
        adapted.train_on_source(STEPS);
    }
    let mut method = driver(name, config, &adapted.context());
    method.begin(&mut adapted.stage()).unwrap();
    adapted.run(&mut *method, 0..STEPS);
    let (before, after) = (alone.target_accuracy(), adapted.target_accuracy());
    println!("{name} {config}: target accuracy {before:.3} without, {after:.3} with");
    assert!(after > before + 0.05, "{name} {config}: {before} to {after}");
    let source = adapted.source_accuracy();
    assert!(source > 0.9, "{name} {config}: source {source}");
}
