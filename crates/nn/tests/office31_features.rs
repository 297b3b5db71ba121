//! Features of EfficientNet-lite0 on Office-31 against those that another program computed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use burn::tensor::Device;
use isthmus_core::context::{Context, DomainRole};
use isthmus_core::error::DataError;
use isthmus_core::input::Input;
use isthmus_core::parts::Extractor;
use isthmus_core::spec::{DataSpec, Interpolation, Protocol, Task, Transform};
use isthmus_core::stage::SampleView;
use isthmus_data::{Dataset, Roots};
use isthmus_nn::extractors::EfficientNetLite0;
use isthmus_nn::weights::{folders, load, published};

const FEATURES: usize = 1280;
/// Every so many images are looked at.
const STEP: usize = 16;

fn dataset(name: &str, transform: Option<Transform>) -> Option<Dataset> {
    let task = Task::new(["amazon", "dslr"], "webcam");
    let spec = DataSpec { transform, ..DataSpec::new(name, vec![task], Protocol::Transductive) };
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/x.toml");
    let cache = tempfile::tempdir().unwrap();
    let roots = Roots { cache: cache.path().to_owned(), ..Roots::discover(Some(&repository)) };
    match Dataset::load(&spec, &roots) {
        Ok(dataset) => Some(dataset),
        Err(DataError::NotFound { .. }) => {
            println!("skipped: no {name}; set ISTHMUS_DATA to the folder that has it");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn network() -> Option<EfficientNetLite0> {
    let mut folders = folders();
    folders.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../weights"));
    let Ok(file) = published("efficientnet-lite0", &folders) else {
        println!("skipped: no weights; `just weights efficientnet-lite0` gets them");
        return None;
    };
    let mut context = isthmus_layers::testing::build_context(1);
    context.device = Device::flex();
    let mut network = EfficientNetLite0::new(&context);
    load(&mut network, &file, &EfficientNetLite0::published_name, &["_fc."]).unwrap();
    Some(network)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn features_are_those_of_another_program() {
    // The stored features are of the whole image, resized to the network's input.
    let transform = Transform {
        resize: Some(224),
        interpolation: Interpolation::Bicubic,
        mean: vec![127.0 / 255.0],
        std: vec![128.0 / 255.0],
        ..Transform::default()
    };
    let images = dataset("office31", Some(transform));
    let (Some(images), Some(stored)) = (images, dataset("office31-features", None)) else { return };
    let Some(mut network) = network() else { return };
    for (images, stored) in images.domains.iter().zip(&stored.domains) {
        let name = &images.name;
        let (images, stored) = (&images.sets()[0].source, &stored.sets()[0].source);
        assert_eq!(images.targets.strata(), stored.targets.strata(), "{name}");
        let chosen: Vec<usize> = (0..images.targets.rows()).step_by(STEP).collect();
        let mut cosines = Vec::new();
        for rows in chosen.chunks(32) {
            let pixels = images.samples.values(rows, SampleView::Plain).unwrap();
            let expected = stored.samples.values(rows, SampleView::Plain).unwrap();
            let expected = expected.into_dense().unwrap();
            let shape = images.samples.shape();
            let input = Input::from_values(pixels, rows.len(), shape, &Device::flex());
            let context = Context::evaluate(DomainRole::Target, rows.len());
            let output = isthmus_layers::testing::values(&network.forward(input, &context));
            let pairs = output.chunks_exact(FEATURES).zip(expected.chunks_exact(FEATURES));
            cosines.extend(pairs.map(|(output, expected)| cosine(output, expected)));
        }
        let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
        let least = cosines.iter().copied().fold(1.0, f64::min);
        println!(
            "{name}: {} images, cosine {mean:.6} on average, {least:.6} at least",
            cosines.len()
        );
        assert!(mean >= 0.999, "{name}: {mean}");
    }
}
