//! Samples on their way from a reader to a network.

use std::sync::Arc;

use isthmus_core::dataset::{ImageDecoding, LabelledSamples, SampleSource, Samples};
use isthmus_core::error::DataError;
use isthmus_core::spec::Transform;

use super::encoded::EncodedSource;
use super::features::FeatureSource;
use super::images::ImageSource;
use super::series::{SeriesSource, VariableSeriesSource};
use super::spectra::SpectraSource;
use super::texts::TextSource;
use crate::corrupted::{CorruptedValues, SetCorruption};
use crate::mel::MelSpectra;
use crate::views::Views;

/// What is to be known of samples before they are transformed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    /// How encoded images become bytes.
    pub decoding: ImageDecoding,
    /// Samples a second, where series are sound.
    pub rate: Option<u32>,
}

impl From<&LabelledSamples> for Stored {
    fn from(samples: &LabelledSamples) -> Self {
        Self { decoding: samples.decoding, rate: samples.rate }
    }
}

/// Samples after the transform, before they are corrupted and augmented; sound before it becomes
/// spectra. Copies share the samples.
#[derive(Clone)]
pub(crate) enum Transformed {
    Features(FeatureSource),
    Series(Arc<dyn SampleSource>),
    Sound(Arc<dyn SampleSource>, Arc<MelSpectra>),
    Texts(TextSource),
    Images(ImageSource),
    Encoded(EncodedSource),
}

/// What makes the spectra that a transform states, of sound of a rate.
///
/// # Errors
/// If nothing tells the rate, or the transform and the sound tell different ones.
pub(crate) fn mel_spectra(
    transform: &Transform,
    rate: Option<u32>,
) -> Result<Option<Arc<MelSpectra>>, DataError> {
    let Some(spec) = &transform.log_mel else { return Ok(None) };
    let rate = match (spec.rate, rate) {
        (Some(stated), Some(rate)) if stated != rate => {
            return Err(DataError::Mismatch(format!(
                "transform: `log_mel.rate` is {stated}, the data set's sound has {rate} samples a \
                 second; state the rate that is wanted in the data set's reader"
            )));
        }
        (stated, rate) => stated.or(rate),
    };
    let Some(rate) = rate else {
        return Err(DataError::Mismatch(
            "transform: `log_mel` makes spectra of sound, and the data set does not tell how many \
             samples a second it has; the reader `audio` does, for arrays state `log_mel.rate`"
                .to_owned(),
        ));
    };
    Ok(Some(Arc::new(MelSpectra::new(rate, spec))))
}

impl Transformed {
    /// Transforms samples.
    ///
    /// # Errors
    /// If the transform does not fit the samples, or an image cannot be read.
    pub fn new(
        samples: Samples,
        stored: Stored,
        transform: Option<&Transform>,
    ) -> Result<Self, DataError> {
        let plain = Transform::default();
        let transform = transform.unwrap_or(&plain);
        let is_series = matches!(samples, Samples::Series { .. } | Samples::VariableSeries { .. });
        if transform.log_mel.is_some() && !is_series {
            return Err(DataError::Mismatch(
                "transform: `log_mel` makes spectra of sound, and these samples are no series; leave \
                 it out"
                    .to_owned(),
            ));
        }
        let mel = mel_spectra(transform, stored.rate)?;
        let series = |series: Arc<dyn SampleSource>| match mel {
            None => Self::Series(series),
            Some(mel) => Self::Sound(series, mel),
        };
        Ok(match samples {
            Samples::Features { size, values } => Self::Features(FeatureSource::new(size, values)),
            Samples::Series { channels, length, values } => {
                series(Arc::new(SeriesSource::new(channels, length, values)))
            }
            Samples::VariableSeries { channels, lengths, values } => {
                series(Arc::new(VariableSeriesSource::new(channels, lengths, values)))
            }
            Samples::Texts(texts) => Self::Texts(TextSource::new(texts)),
            Samples::Images { channels, height, width, pixels } => {
                Self::Images(ImageSource::new([channels, height, width], pixels, transform)?)
            }
            Samples::Encoded(images) => {
                Self::Encoded(EncodedSource::new(images, stored.decoding, transform)?)
            }
        })
    }

    /// The samples ready for use.
    ///
    /// # Errors
    /// If the corruption or a view does not fit the samples.
    pub fn source(
        self,
        corruption: Option<SetCorruption>,
        views: &Views,
    ) -> Result<Arc<dyn SampleSource>, DataError> {
        let corrupted = |samples: Arc<dyn SampleSource>, corruption: Option<SetCorruption>| {
            Ok::<Arc<dyn SampleSource>, DataError>(match corruption {
                Some(corruption) => Arc::new(CorruptedValues::new(samples, corruption)?),
                None => samples,
            })
        };
        Ok(match (self, corruption) {
            (Self::Features(samples), corruption) => {
                views.over_samples(corrupted(Arc::new(samples), corruption)?)?
            }
            (Self::Series(samples), corruption) => {
                views.over_samples(corrupted(samples, corruption)?)?
            }
            (Self::Sound(samples, mel), corruption) => {
                let of_sound = views.of_sound();
                let sound = of_sound.over_samples(corrupted(samples, corruption)?)?;
                let spectra = SpectraSource::new(sound, mel, of_sound)?;
                views.of_spectra().over_samples(Arc::new(spectra))?
            }
            (Self::Texts(samples), corruption) => {
                views.over_samples(corrupted(Arc::new(samples), corruption)?)?
            }
            (Self::Images(images), None) => Arc::new(images.with_views(views)?),
            (Self::Encoded(images), None) => Arc::new(images.with_views(views)?),
            (Self::Images(images), Some(it)) => Arc::new(images.corrupted(it)?.with_views(views)?),
            (Self::Encoded(images), Some(it)) => Arc::new(images.corrupted(it)?.with_views(views)?),
        })
    }
}
