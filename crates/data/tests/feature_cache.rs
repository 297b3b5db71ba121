//! Features are computed once, kept, read back, and computed again where the file is damaged.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use isthmus_core::context::Context;
use isthmus_core::dataset::{LabelledSource, SampleSource};
use isthmus_core::error::DataError;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::parts::Extractor;
use isthmus_core::sample_values::SampleValues;
use isthmus_core::spec::PluginSpec;
use isthmus_core::stage::SampleView;
use isthmus_data::{CacheOutcome, FeatureCache, FeatureKey, FeatureSource, Lookup};
use serde_json::json;

/// Features x -> (2 x0, x0 + x1), or NaN.
#[derive(Module, Debug)]
struct Doubling {
    bad: bool,
}

impl Extractor for Doubling {
    fn forward(&mut self, input: Input, context: &Context) -> Tensor<2> {
        assert!(!context.training);
        assert_eq!(context.rows(), input.rows());
        let x = input.flatten();
        let rows = x.dims()[0];
        let first = x.clone().slice([0..rows, 0..1]);
        let factor = if self.bad { f64::NAN } else { 2.0 };
        Tensor::cat(vec![first * factor, x.sum_dim(1)], 1)
    }

    fn output_size(&self) -> usize {
        2
    }

    fn evaluation_copy(&self) -> Box<dyn Extractor> {
        Box::new(self.clone())
    }

    fn training_copy(&self) -> Box<dyn Extractor> {
        Box::new(self.clone())
    }
}

const ROWS: usize = 10;

fn source() -> LabelledSource {
    let values: Vec<f32> = (0..ROWS).flat_map(|row| [row as f32, 0.5]).collect();
    LabelledSource {
        samples: Arc::new(FeatureSource::new(2, values)),
        targets: (0..ROWS as u32).collect::<Vec<_>>().into(),
    }
}

fn spec() -> PluginSpec {
    PluginSpec { name: "doubling".to_owned(), config: json!({}) }
}

fn key(extractor: &PluginSpec) -> FeatureKey<'_> {
    FeatureKey {
        data: "content",
        domain: "a domain",
        extractor,
        weights: None,
        transform: None,
        device: "cpu",
    }
}

struct Run {
    outcome: CacheOutcome,
    warning: Option<String>,
    values: Vec<f32>,
    progress: Vec<(usize, usize)>,
}

fn extract(folder: &Path, source: &LabelledSource, bad: bool) -> Result<Run, DataError> {
    let mut progress = Vec::new();
    let done = FeatureCache::new(folder).extract(
        &key(&spec()),
        source,
        &mut Doubling { bad },
        &Device::flex(),
        4,
        &mut |done, total| progress.push((done, total)),
    )?;
    let rows: Vec<usize> = (0..ROWS).collect();
    let values = done.features.samples.values(&rows, SampleView::Plain)?.into_dense()?;
    assert_eq!(done.features.targets.strata(), source.targets.strata());
    Ok(Run { outcome: done.outcome, warning: done.warning, values, progress })
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_second_time_is_a_hit() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("new/features");
    let first = extract(&cache, &source(), false).unwrap();
    assert_eq!(first.outcome, CacheOutcome::Computed);
    assert_eq!(first.progress, [(4, 10), (8, 10), (10, 10)]);
    let expected: Vec<f32> =
        (0..ROWS).flat_map(|row| [2.0 * row as f32, row as f32 + 0.5]).collect();
    assert_eq!(first.values, expected);
    // Nothing but the finished file is left.
    assert_eq!(files(&cache), [key(&spec()).file_name()]);

    let second = extract(&cache, &source(), true).unwrap();
    assert_eq!(second.outcome, CacheOutcome::Hit);
    assert_eq!(second.values, expected);
    assert!(second.progress.is_empty() && second.warning.is_none());
}

#[test]
fn everything_that_decides_the_features_is_in_the_key() {
    let spec = spec();
    let base = key(&spec);
    let transform = isthmus_core::spec::Transform::default();
    let other = PluginSpec { config: json!({ "size": 2 }), ..spec.clone() };
    let changed = [
        FeatureKey { data: "other", ..base },
        FeatureKey { weights: Some("sum"), ..base },
        FeatureKey { transform: Some(&transform), ..base },
        FeatureKey { device: "gpu", ..base },
        FeatureKey { extractor: &other, ..base },
    ];
    let mut names: Vec<String> = changed.iter().map(FeatureKey::file_name).collect();
    names.push(base.file_name());
    names.sort();
    names.dedup();
    assert_eq!(names.len(), changed.len() + 1);
    assert!(base.file_name().starts_with("a-domain-doubling-"));
}

#[test]
fn a_damaged_file_is_computed_again_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let expected = extract(folder.path(), &source(), false).unwrap().values;
    let path = folder.path().join(key(&spec()).file_name());
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [flipped, whole[..whole.len() - 8].to_vec(), Vec::new(), b"text".to_vec()] {
        std::fs::write(&path, damaged).unwrap();
        let again = extract(folder.path(), &source(), false).unwrap();
        assert_eq!(again.outcome, CacheOutcome::Computed);
        let warning = again.warning.unwrap();
        assert!(warning.contains("are damaged"), "{warning}");
        assert_eq!(again.values, expected);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
}

#[test]
fn a_file_of_other_rows_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    extract(folder.path(), &source(), false).unwrap();
    let short = LabelledSource {
        samples: Arc::new(FeatureSource::new(2, vec![0.0; 4])),
        targets: vec![0, 1].into(),
    };
    let found = FeatureCache::new(folder.path()).lookup(&key(&spec()), &short).unwrap();
    assert!(matches!(found, Lookup::Damaged(reason) if reason.contains("10 rows")));
}

#[test]
fn features_that_are_no_numbers_are_an_error_and_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let error = extract(folder.path(), &source(), true).err().unwrap().to_string();
    assert!(error.contains("`doubling` gives NaN for sample 0 of domain `a domain`"), "{error}");
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_cache_that_cannot_be_written_is_an_error_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("file");
    std::fs::write(&in_the_way, b"").unwrap();
    let cache = in_the_way.join("cache");
    let error = extract(&cache, &source(), true).err().unwrap().to_string();
    assert!(error.contains("features cannot be kept here"), "{error}");
    assert!(error.contains("ISTHMUS_CACHE"), "{error}");
}

#[test]
fn while_features_are_computed_nothing_lies_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    FeatureCache::new(folder.path())
        .extract(
            &key(&spec()),
            &source(),
            &mut Doubling { bad: false },
            &Device::flex(),
            4,
            &mut |_, _| seen.extend(files(folder.path())),
        )
        .unwrap();
    // A process that is killed meanwhile leaves nothing.
    assert!(seen.is_empty(), "{seen:?}");
}

/// Samples of which one cannot be read.
struct Broken;

impl SampleSource for Broken {
    fn rows(&self) -> usize {
        ROWS
    }

    fn shape(&self) -> InputShape {
        InputShape::Features { size: 2 }
    }

    fn values(&self, indices: &[usize], _view: SampleView) -> Result<SampleValues, DataError> {
        if indices.contains(&6) {
            return Err(DataError::Mismatch("sample 6 is broken".to_owned()));
        }
        Ok(vec![0.0; indices.len() * 2].into())
    }
}

#[test]
fn an_unreadable_sample_ends_the_extraction() {
    let folder = tempfile::tempdir().unwrap();
    let source = LabelledSource { samples: Arc::new(Broken), ..source() };
    let error = extract(folder.path(), &source, false).err().unwrap().to_string();
    assert_eq!(error, "sample 6 is broken");
    assert!(files(folder.path()).is_empty());
}
