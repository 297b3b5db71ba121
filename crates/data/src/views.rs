//! Views of training samples: which augmentations they go through.

use std::sync::Arc;

use isthmus_core::augmentation::{Augmentation, SampleKind, SampleMut};
use isthmus_core::dataset::{LabelledSource, SampleSource};
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::random::Key;
use isthmus_core::registry::{self, UnknownPlugin};
use isthmus_core::sample_values::SampleValues;
use isthmus_core::spec::{PluginSpec, ViewsSpec};
use isthmus_core::stage::SampleView;
use rayon::prelude::*;

/// The augmentations of weak and of strong views; none by default.
#[derive(Clone, Default)]
pub struct Views {
    weak: Arc<[Step]>,
    strong: Arc<[Step]>,
}

/// One augmentation of a view.
#[derive(Clone)]
struct Step {
    name: String,
    samples: &'static [SampleKind],
    augmentation: Arc<dyn Augmentation>,
    /// Its place in the experiment's list.
    position: u64,
}

impl Views {
    /// Builds the augmentations that an experiment names.
    ///
    /// # Errors
    /// If one is not linked into this program.
    pub fn new(spec: Option<&ViewsSpec>) -> Result<Self, DataError> {
        let Some(spec) = spec else { return Ok(Self::default()) };
        let steps = |list: &[PluginSpec]| (0..).zip(list).map(step).collect::<Result<_, _>>();
        Ok(Self { weak: steps(&spec.weak)?, strong: steps(&spec.strong)? })
    }

    /// Whether any view is augmented.
    pub fn augment(&self) -> bool {
        !self.weak.is_empty() || !self.strong.is_empty()
    }

    /// Checks that every augmentation can change such samples.
    ///
    /// # Errors
    /// Names the one that cannot.
    pub(crate) fn check(&self, kind: SampleKind) -> Result<(), DataError> {
        let unfit = self.weak.iter().chain(&*self.strong).find(|it| !it.samples.contains(&kind));
        match unfit {
            None => Ok(()),
            Some(step) => Err(DataError::Mismatch(format!(
                "views: `{}` cannot change {kind}; `isthmus list augmentation` shows what can",
                step.name
            ))),
        }
    }

    /// Whether a view goes through any augmentation.
    pub(crate) fn change(&self, view: SampleView) -> bool {
        !self.of(view).is_empty()
    }

    fn of(&self, view: SampleView) -> &[Step] {
        match view {
            SampleView::Plain => &[],
            SampleView::Weak(_) => &self.weak,
            SampleView::Strong(_) => &self.strong,
        }
    }

    /// Makes a view of a sample; `key` is the sample's own.
    pub(crate) fn apply(&self, view: SampleView, mut sample: SampleMut<'_>, key: &Key) {
        for step in self.of(view) {
            let key = key.named("augmentation").at(step.position);
            step.augmentation.apply(sample.reborrow(), &key);
        }
    }

    /// The augmentations of sound, before it becomes spectra.
    pub(crate) fn of_sound(&self) -> Self {
        self.filtered(false)
    }

    /// The augmentations of spectra.
    pub(crate) fn of_spectra(&self) -> Self {
        self.filtered(true)
    }

    fn filtered(&self, of_spectra: bool) -> Self {
        let of = |steps: &[Step]| {
            let steps = steps.iter();
            steps
                .filter(|step| step.augmentation.changes_spectra() == of_spectra)
                .cloned()
                .collect()
        };
        Self { weak: of(&self.weak), strong: of(&self.strong) }
    }

    /// Features, series or texts whose training views are augmented.
    ///
    /// # Errors
    /// If an augmentation cannot change them.
    pub fn over(&self, source: LabelledSource) -> Result<LabelledSource, DataError> {
        let samples = self.over_samples(source.samples)?;
        Ok(LabelledSource { samples, ..source })
    }

    pub(crate) fn over_samples(
        &self,
        samples: Arc<dyn SampleSource>,
    ) -> Result<Arc<dyn SampleSource>, DataError> {
        if !self.augment() {
            return Ok(samples);
        }
        self.check(SampleKind::of(samples.shape()))?;
        Ok(Arc::new(AugmentedValues { samples, views: self.clone() }))
    }
}

fn step((position, spec): (u64, &PluginSpec)) -> Result<Step, DataError> {
    let unknown = |error: UnknownPlugin| DataError::Mismatch(format!("views: {error}"));
    let (augmentation, samples) = registry::build_augmentation(spec).map_err(unknown)?;
    Ok(Step { name: spec.name.clone(), samples, augmentation: augmentation.into(), position })
}

/// Features, series or texts, augmented as they are asked for. Images are augmented where they are made:
/// before they are normalised.
struct AugmentedValues {
    samples: Arc<dyn SampleSource>,
    views: Views,
}

impl SampleSource for AugmentedValues {
    fn rows(&self) -> usize {
        self.samples.rows()
    }

    fn shape(&self) -> InputShape {
        self.samples.shape()
    }

    fn values(&self, indices: &[usize], view: SampleView) -> Result<SampleValues, DataError> {
        let mut values = self.samples.values(indices, view)?;
        let (SampleView::Weak(key) | SampleView::Strong(key)) = view else { return Ok(values) };
        let shape = self.shape();
        if !self.views.change(view) {
            return Ok(values);
        }
        if let SampleValues::Texts(texts) = &mut values {
            texts.par_iter_mut().zip(indices).for_each(|(text, &row)| {
                self.views.apply(view, SampleMut::Text(text), &key.at(row as u64));
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
                self.views.apply(view, sample, &key.at(row as u64));
            });
        }
        Ok(values)
    }

    fn is_slow(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::spec::Transform;

    use super::*;
    use crate::sources::{
        FeatureSource, ImageSource, SeriesSource, TextSource, VariableSeriesSource,
    };

    /// Writes random numbers of the key into the sample, `base` above them.
    struct Draw {
        base: u8,
    }

    impl Augmentation for Draw {
        fn apply(&self, sample: SampleMut<'_>, key: &Key) {
            use rand::RngExt;
            let drawn = self.base + key.rng().random_range(0..100_u8);
            match sample {
                SampleMut::Image(image) => image.pixels.fill(drawn),
                SampleMut::Features(values) => values.fill(f32::from(drawn)),
                SampleMut::Series { length, values } => {
                    values[..length].fill(f32::from(drawn));
                }
                SampleMut::Text(text) => *text = drawn.to_string(),
            }
        }
    }

    fn views(weak: &[u8], strong: &[u8], samples: &'static [SampleKind]) -> Views {
        let steps = |bases: &[u8]| -> Arc<[Step]> {
            let step = |(position, &base): (u64, &u8)| Step {
                name: "draw".to_owned(),
                samples,
                augmentation: Arc::new(Draw { base }),
                position,
            };
            (0..).zip(bases).map(step).collect()
        };
        Views { weak: steps(weak), strong: steps(strong) }
    }

    const ALL: &[SampleKind] =
        &[SampleKind::Image, SampleKind::Features, SampleKind::Series, SampleKind::Text];

    /// Checks the views of a source whose samples have two values.
    fn check(source: &dyn SampleSource, plain: [f32; 2], unit: f32) {
        let key = Key::new(1);
        let read = |rows: &[usize], view| {
            let values = source.values(rows, view).unwrap();
            values.rows(2).concat()
        };
        assert!(source.is_slow());
        assert_eq!(read(&[1], SampleView::Plain), plain);
        let weak = read(&[0, 1, 2], SampleView::Weak(key));
        let strong = read(&[0, 1, 2], SampleView::Strong(key));
        assert!(weak.iter().step_by(2).all(|value| (10.0..110.0).contains(&(value / unit))));
        assert!(strong.iter().step_by(2).all(|value| (150.0..250.0).contains(&(value / unit))));
        assert!(strong[0] != strong[2] || strong[2] != strong[4], "all rows are drawn alike");
        // A row's view depends neither on the batch nor on the order.
        assert_eq!(read(&[1], SampleView::Strong(key)), strong[2..4]);
        assert_eq!(read(&[2, 1], SampleView::Weak(key))[2..], weak[2..4]);
        assert_ne!(read(&[0, 1, 2], SampleView::Weak(key.at(1))), weak);
    }

    #[test]
    fn features_and_series_are_augmented_in_training_views() {
        let views = views(&[10], &[0, 150], ALL);
        let source = Arc::new(FeatureSource::new(2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        check(&*views.over_samples(source).unwrap(), [3.0, 4.0], 1.0);
        let source = Arc::new(SeriesSource::new(2, 1, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        let source = views.over_samples(source).unwrap();
        check(&*source, [3.0, 4.0], 1.0);
        // The second channel was left alone.
        let third = source.values(&[2], SampleView::Weak(Key::new(3))).unwrap();
        assert_eq!(third.rows(2)[0][1], 6.0);
        // A series is augmented by its own length.
        let lengths = vec![1, 2, 1];
        let values = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let source = Arc::new(VariableSeriesSource::new(2, lengths, values));
        let read = views.over_samples(source).unwrap().values(&[1], SampleView::Weak(Key::new(3)));
        let read = read.unwrap();
        let [row] = read.rows(0)[..] else { panic!() };
        assert!(row[0] == row[1] && row[0] >= 10.0 && row[2..] == [5.0, 6.0], "{row:?}");
    }

    #[test]
    fn texts_are_augmented_by_their_rows() {
        let source = Arc::new(TextSource::new(vec!["a".to_owned(), "b".to_owned()]));
        let source = views(&[10], &[], ALL).over_samples(source).unwrap();
        let read = |rows: &[usize], view| match source.values(rows, view).unwrap() {
            SampleValues::Texts(texts) => texts,
            other => panic!("{other:?}"),
        };
        assert_eq!(read(&[1], SampleView::Plain), ["b"]);
        let both = read(&[0, 1], SampleView::Weak(Key::new(1)));
        assert!(both.iter().all(|text| text.parse::<u8>().is_ok()) && both[0] != both[1]);
        assert_eq!(read(&[1], SampleView::Weak(Key::new(1))), both[1..]);
        assert_eq!(read(&[0], SampleView::Strong(Key::new(1))), ["a"]);
    }

    #[test]
    fn images_are_augmented_before_they_are_normalised() {
        let views = views(&[10], &[150], &[SampleKind::Image]);
        for random_flip in [false, true] {
            let transform =
                Transform { std: vec![1.0 / 255.0], random_flip, ..Transform::default() };
            let images = ImageSource::new([1, 1, 2], vec![1, 2, 3, 4, 5, 6], &transform).unwrap();
            check(&images.with_views(&views).unwrap(), [3.0, 4.0], 1.0);
        }
    }

    /// Adds to all values, of sound or of spectra.
    struct Add {
        spectra: bool,
    }

    impl Augmentation for Add {
        fn apply(&self, sample: SampleMut<'_>, _key: &Key) {
            let SampleMut::Series { values, .. } = sample else { return };
            values.iter_mut().for_each(|value| *value += 100.0);
        }

        fn changes_spectra(&self) -> bool {
            self.spectra
        }
    }

    #[test]
    fn sound_is_augmented_before_it_becomes_spectra_and_spectra_after() {
        use crate::sources::{Stored, Transformed};
        use isthmus_core::dataset::ImageDecoding;
        use isthmus_core::dataset::Samples;
        use isthmus_core::spec::LogMel;

        let log_mel = LogMel { bands: 2, ..LogMel::default() };
        let transform = Transform { log_mel: Some(log_mel), ..Transform::default() };
        let stored = Stored { decoding: ImageDecoding::default(), rate: Some(1000) };
        let read = |spectra: &[bool], view| {
            let steps = spectra.iter().map(|&spectra| Step {
                name: "add".to_owned(),
                samples: ALL,
                augmentation: Arc::new(Add { spectra }),
                position: 0,
            });
            let views = Views { weak: steps.collect(), strong: Arc::new([]) };
            let samples = Samples::Series { channels: 1, length: 25, values: vec![0.1; 25] };
            let samples = Transformed::new(samples, stored, Some(&transform)).unwrap();
            let source = samples.source(None, &views).unwrap();
            assert_eq!(source.shape(), InputShape::Series { channels: 2, length: 1 });
            source.values(&[0], view).unwrap().into_dense().unwrap()
        };
        let weak = SampleView::Weak(Key::new(1));
        let plain = read(&[true, false], SampleView::Plain);
        assert_eq!(read(&[], weak), plain);
        // Added to the logarithms.
        let after: Vec<f32> = plain.iter().map(|value| value + 100.0).collect();
        assert_eq!(read(&[true], weak), after);
        // A thousandfold amplitude: a millionfold energy.
        let before = read(&[false], weak);
        let louder = before[0] - plain[0] - (100.1f32 / 0.1).powi(2).ln();
        assert!(louder.abs() < 0.1, "{before:?} {plain:?}");
        let both: Vec<f32> = before.iter().map(|value| value + 100.0).collect();
        assert_eq!(read(&[true, false], weak), both);

        let without = Stored { rate: None, ..stored };
        let samples = Samples::Series { channels: 1, length: 25, values: vec![0.1; 25] };
        let error = Transformed::new(samples, without, Some(&transform)).err().unwrap().to_string();
        assert!(error.contains("for arrays state `log_mel.rate`"), "{error}");
        let samples = Samples::Features { size: 1, values: vec![0.5] };
        let error = Transformed::new(samples, stored, Some(&transform)).err().unwrap().to_string();
        assert!(error.contains("these samples are no series"), "{error}");
    }

    #[test]
    fn without_augmentations_nothing_is_wrapped() {
        let source: Arc<dyn SampleSource> = Arc::new(FeatureSource::new(1, vec![1.0]));
        let wrapped = Views::default().over_samples(Arc::clone(&source)).unwrap();
        assert!(Arc::ptr_eq(&source, &wrapped) && !wrapped.is_slow());
    }

    #[test]
    fn augmentations_of_other_samples_are_refused() {
        let views = views(&[], &[1], &[SampleKind::Image]);
        let source = Arc::new(FeatureSource::new(1, vec![1.0]));
        let error = views.over_samples(source).err().unwrap().to_string();
        assert!(error.contains("`draw` cannot change features"), "{error}");

        let spec = PluginSpec { name: "nothing".to_owned(), config: serde_json::json!({}) };
        let spec = ViewsSpec { weak: vec![spec], strong: Vec::new() };
        let error = Views::new(Some(&spec)).err().unwrap().to_string();
        assert!(error.contains("there is no augmentation `nothing`"), "{error}");
    }
}
