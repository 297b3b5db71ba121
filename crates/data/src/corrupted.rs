//! Corrupted samples: another domain, made of the samples of one that was read.

use std::sync::Arc;

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::dataset::SampleSource;
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::random::Key;
use isthmus_core::registry::{UnknownPlugin, build_corruption};
use isthmus_core::sample_values::SampleValues;
use isthmus_core::spec::CorruptionSpec;
use isthmus_core::stage::SampleView;
use rayon::prelude::*;

/// What is done to every sample of a set.
#[derive(Clone)]
pub(crate) struct SetCorruption {
    name: String,
    corruption: Arc<dyn Corruption>,
    samples: &'static [SampleKind],
    severity: Severity,
    key: Key,
}

impl SetCorruption {
    /// The corruption of a domain's set at this position: training and test set are not given the
    /// same noise. No seed of a run is part of it, since corrupted data is one data set.
    ///
    /// # Errors
    /// If there is no such corruption.
    pub fn new(spec: &CorruptionSpec, position: usize) -> Result<Self, DataError> {
        let name = spec.plugin.name.clone();
        let unknown = |error: UnknownPlugin| DataError::Mismatch(format!("streams: {error}"));
        let (corruption, samples) = build_corruption(&spec.plugin).map_err(unknown)?;
        let severity = spec.severity;
        let key = Key::new(0).named("corruption").named(&name).at(severity.level().into());
        let key = key.at(position as u64);
        Ok(Self { name, corruption: corruption.into(), samples, severity, key })
    }

    /// Checks that it can change such samples.
    ///
    /// # Errors
    /// If it cannot.
    pub fn check(&self, kind: SampleKind) -> Result<(), DataError> {
        if self.samples.contains(&kind) {
            return Ok(());
        }
        Err(DataError::Mismatch(format!(
            "streams: `{}` cannot change {kind}; `isthmus list corruption` shows what can",
            self.name
        )))
    }

    /// Changes the sample of a row.
    pub fn apply(&self, sample: SampleMut<'_>, row: usize) {
        self.corruption.apply(sample, self.severity, &self.key.at(row as u64));
    }
}

/// Features, series or texts, corrupted as they are asked for. Images are corrupted where they are made:
/// before they are normalised.
pub(crate) struct CorruptedValues {
    samples: Arc<dyn SampleSource>,
    corruption: SetCorruption,
}

impl CorruptedValues {
    /// # Errors
    /// If the corruption cannot change such samples.
    pub fn new(
        samples: Arc<dyn SampleSource>,
        corruption: SetCorruption,
    ) -> Result<Self, DataError> {
        corruption.check(SampleKind::of(samples.shape()))?;
        Ok(Self { samples, corruption })
    }
}

impl SampleSource for CorruptedValues {
    fn rows(&self) -> usize {
        self.samples.rows()
    }

    fn shape(&self) -> InputShape {
        self.samples.shape()
    }

    fn name(&self, row: usize) -> String {
        self.samples.name(row)
    }

    fn values(&self, indices: &[usize], view: SampleView) -> Result<SampleValues, DataError> {
        let mut values = self.samples.values(indices, view)?;
        let shape = self.shape();
        if let SampleValues::Texts(texts) = &mut values {
            texts.par_iter_mut().zip(indices).for_each(|(text, &row)| {
                self.corruption.apply(SampleMut::Text(text), row);
            });
        } else if !shape.is_empty() {
            let rows = values.rows_mut(shape.len());
            rows.into_par_iter().zip(indices).for_each(|(values, &row)| {
                let sample = match shape {
                    InputShape::Series { channels, .. }
                    | InputShape::VariableSeries { channels, .. } => {
                        SampleMut::Series { length: values.len() / channels, values }
                    }
                    _ => SampleMut::Features(values),
                };
                self.corruption.apply(sample, row);
            });
        }
        Ok(values)
    }

    fn is_slow(&self) -> bool {
        true
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use isthmus_core::spec::Transform;
    use rand::RngExt;

    use super::*;
    use crate::sources::{FeatureSource, ImageSource};

    /// Writes the severity and a number of the key into the sample.
    struct Draw;

    impl Corruption for Draw {
        fn apply(&self, sample: SampleMut<'_>, severity: Severity, key: &Key) {
            let drawn = key.rng().random_range(0..100_u8);
            match sample {
                SampleMut::Image(image) => image.pixels.copy_from_slice(&[severity.level(), drawn]),
                SampleMut::Features(values) | SampleMut::Series { values, .. } => {
                    values.copy_from_slice(&[f32::from(severity.level()), f32::from(drawn)]);
                }
                SampleMut::Text(text) => *text = format!("{} {drawn}", severity.level()),
            }
        }
    }

    pub(crate) fn draw(level: u8, position: u64, samples: &'static [SampleKind]) -> SetCorruption {
        SetCorruption {
            name: "draw".to_owned(),
            corruption: Arc::new(Draw),
            samples,
            severity: Severity::try_from(level).unwrap(),
            key: Key::new(0).at(position),
        }
    }

    #[test]
    fn every_view_of_a_row_is_corrupted_alike() {
        let plain: Arc<dyn SampleSource> =
            Arc::new(FeatureSource::new(2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        let all = &[SampleKind::Image, SampleKind::Features];
        let features = CorruptedValues::new(Arc::clone(&plain), draw(4, 0, all)).unwrap();
        // 255 times the value of a pixel is the byte.
        let transform = Transform { std: vec![1.0 / 255.0], ..Transform::default() };
        let images = ImageSource::new([1, 1, 2], vec![1, 2, 3, 4, 5, 6], &transform).unwrap();
        let images = images.corrupted(draw(4, 0, all)).unwrap();
        let read = |rows: &[usize], view| {
            let [values, pixels] = [&features as &dyn SampleSource, &images]
                .map(|source| source.values(rows, view).unwrap().into_dense().unwrap());
            let rounded: Vec<f32> = pixels.iter().map(|value| value.round()).collect();
            assert_eq!(values, rounded);
            values
        };
        let both = read(&[0, 2], SampleView::Plain);
        assert_eq!((both[0], both[2]), (4.0, 4.0));
        assert_ne!(both[1], both[3]);
        assert_eq!(read(&[2, 0], SampleView::Weak(Key::new(3)))[..2], both[2..]);
        assert!(features.is_slow() && images.is_slow());
        let other = CorruptedValues::new(plain, draw(4, 1, all)).unwrap();
        assert_ne!(other.values(&[0, 2], SampleView::Plain).unwrap(), both.into());
    }

    #[test]
    fn a_corruption_of_other_samples_is_refused() {
        let plain = Arc::new(FeatureSource::new(1, vec![1.0]));
        let error = CorruptedValues::new(plain, draw(1, 0, &[SampleKind::Image])).err().unwrap();
        assert!(error.to_string().contains("`draw` cannot change features"), "{error}");
    }
}
