//! Spectra of sound, made when they are asked for.

use std::sync::{Arc, OnceLock};

use isthmus_core::dataset::SampleSource;
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::sample_values::SampleValues;
use isthmus_core::stage::SampleView;
use rayon::prelude::*;

use crate::mel::MelSpectra;
use crate::views::Views;

/// Log-mel spectra of sound. Those of sound that no view changes are kept once they are made.
pub(crate) struct SpectraSource {
    sound: Arc<dyn SampleSource>,
    mel: Arc<MelSpectra>,
    /// How the sound is augmented.
    views: Views,
    /// The spectra of each row whose sound is not augmented.
    kept: Vec<OnceLock<Vec<f32>>>,
}

impl SpectraSource {
    /// Spectra of `sound`, which is augmented by `views`.
    ///
    /// # Errors
    /// If the samples are no series of one channel.
    pub fn new(
        sound: Arc<dyn SampleSource>,
        mel: Arc<MelSpectra>,
        views: Views,
    ) -> Result<Self, DataError> {
        let shape = sound.shape();
        match shape {
            InputShape::Series { channels: 1, .. }
            | InputShape::VariableSeries { channels: 1, .. } => {
                let kept = (0..sound.rows()).map(|_| OnceLock::new()).collect();
                Ok(Self { sound, mel, views, kept })
            }
            _ => Err(DataError::Mismatch(format!(
                "transform: `log_mel` makes spectra of sound, series of one channel; these samples \
                 are {shape}"
            ))),
        }
    }

    /// The spectra of rows of the sound.
    fn made(&self, rows: &[usize], view: SampleView) -> Result<Vec<Vec<f32>>, DataError> {
        let sound = self.sound.values(rows, view)?;
        let sound = sound.rows(self.sound.shape().len());
        Ok(sound.into_par_iter().map(|sound| self.mel.of(sound)).collect())
    }

    /// The same of sound that is not augmented.
    fn plain(&self, rows: &[usize]) -> Result<Vec<&[f32]>, DataError> {
        let absent: Vec<usize> =
            rows.iter().copied().filter(|&row| self.kept[row].get().is_none()).collect();
        if !absent.is_empty() {
            for (&row, spectra) in absent.iter().zip(self.made(&absent, SampleView::Plain)?) {
                self.kept[row].get_or_init(|| spectra);
            }
        }
        let kept = |&row: &usize| self.kept[row].get().expect("it was made just now").as_slice();
        Ok(rows.iter().map(kept).collect())
    }

    fn gathered<T: AsRef<[f32]>>(&self, spectra: &[T]) -> SampleValues {
        let channels = self.mel.bands();
        let values: Vec<f32> = spectra.iter().flat_map(AsRef::as_ref).copied().collect();
        match self.sound.shape() {
            InputShape::VariableSeries { .. } => {
                let lengths = spectra.iter().map(|it| it.as_ref().len() / channels).collect();
                SampleValues::Series { channels, lengths, values }
            }
            _ => SampleValues::Dense(values),
        }
    }
}

/// The shape of the spectra of sound of a shape.
pub(crate) fn shape_of_spectra(sound: InputShape, mel: &MelSpectra) -> InputShape {
    let channels = mel.bands();
    match sound {
        InputShape::Series { length, .. } => {
            InputShape::Series { channels, length: mel.frames(length) }
        }
        InputShape::VariableSeries { longest, .. } => {
            InputShape::VariableSeries { channels, longest: mel.frames(longest) }
        }
        other => other,
    }
}

impl SampleSource for SpectraSource {
    fn rows(&self) -> usize {
        self.sound.rows()
    }

    fn shape(&self) -> InputShape {
        shape_of_spectra(self.sound.shape(), &self.mel)
    }

    fn name(&self, row: usize) -> String {
        self.sound.name(row)
    }

    fn values(&self, indices: &[usize], view: SampleView) -> Result<SampleValues, DataError> {
        Ok(match self.views.change(view) {
            true => self.gathered(&self.made(indices, view)?),
            false => self.gathered(&self.plain(indices)?),
        })
    }

    fn is_slow(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use isthmus_core::spec::LogMel;

    use super::*;
    use crate::sources::{SeriesSource, VariableSeriesSource};

    /// Counts the rows that are asked for.
    struct Counted {
        sound: VariableSeriesSource,
        asked: AtomicUsize,
    }

    impl SampleSource for Counted {
        fn rows(&self) -> usize {
            self.sound.rows()
        }

        fn shape(&self) -> InputShape {
            self.sound.shape()
        }

        fn values(&self, indices: &[usize], view: SampleView) -> Result<SampleValues, DataError> {
            self.asked.fetch_add(indices.len(), Ordering::Relaxed);
            self.sound.values(indices, view)
        }
    }

    fn mel() -> Arc<MelSpectra> {
        Arc::new(MelSpectra::new(1000, &LogMel { bands: 3, ..LogMel::default() }))
    }

    #[test]
    fn spectra_have_the_lengths_of_their_sound_and_are_made_once() {
        let lengths = vec![30, 10, 55];
        let values: Vec<f32> = (0..95).map(|it| (it * it % 17) as f32 / 17.0).collect();
        let sound = VariableSeriesSource::new(1, lengths, values.clone());
        let counted = Arc::new(Counted { sound, asked: AtomicUsize::new(0) });
        let source = SpectraSource::new(counted.clone(), mel(), Views::default()).unwrap();
        assert_eq!(source.shape(), InputShape::VariableSeries { channels: 3, longest: 4 });
        let read = source.values(&[2, 0, 2], SampleView::Plain).unwrap();
        let SampleValues::Series { channels: 3, lengths, .. } = &read else { panic!("{read:?}") };
        assert_eq!(lengths, &[4, 1, 4]);
        assert_eq!(read.rows(0)[0], mel().of(&values[40..]));
        assert_eq!(read.rows(0)[1], mel().of(&values[..30]));
        let key = isthmus_core::random::Key::new(1);
        assert_eq!(source.values(&[2], SampleView::Weak(key)).unwrap().rows(0), [read.rows(0)[0]]);
        source.values(&[0, 1], SampleView::Plain).unwrap();
        assert_eq!(counted.asked.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn sound_of_one_length_makes_spectra_of_one_length_and_other_samples_none() {
        let source = Arc::new(SeriesSource::new(1, 40, vec![0.5; 80]));
        let source = SpectraSource::new(source, mel(), Views::default()).unwrap();
        assert_eq!(source.shape(), InputShape::Series { channels: 3, length: 2 });
        let read = source.values(&[1], SampleView::Plain).unwrap().into_dense().unwrap();
        assert_eq!(read, mel().of(&[0.5; 40]));
        let source = Arc::new(SeriesSource::new(2, 40, vec![0.5; 80]));
        let error = SpectraSource::new(source, mel(), Views::default()).err().unwrap().to_string();
        assert!(
            error.contains("series of one channel; these samples are series [2, 40]"),
            "{error}"
        );
    }
}
