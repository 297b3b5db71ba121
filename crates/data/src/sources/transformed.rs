//! Samples on their way from a reader to a network.

use std::sync::Arc;

use isthmus_core::dataset::{SampleSource, Samples};
use isthmus_core::error::DataError;
use isthmus_core::spec::Transform;

use super::encoded::EncodedSource;
use super::features::FeatureSource;
use super::images::ImageSource;
use super::series::{SeriesSource, VariableSeriesSource};
use super::texts::TextSource;
use crate::corrupted::{CorruptedValues, SetCorruption};
use crate::views::Views;

/// Samples after the transform, before they are corrupted and augmented. Copies share the samples.
#[derive(Clone)]
pub(crate) enum Transformed {
    Features(FeatureSource),
    Series(SeriesSource),
    VariableSeries(VariableSeriesSource),
    Texts(TextSource),
    Images(ImageSource),
    Encoded(EncodedSource),
}

impl Transformed {
    /// Transforms samples; `upright` turns images as their EXIF orientation says.
    ///
    /// # Errors
    /// If the transform does not fit the samples, or an image cannot be read.
    pub fn new(
        samples: Samples,
        upright: bool,
        transform: Option<&Transform>,
    ) -> Result<Self, DataError> {
        let plain = Transform::default();
        let transform = transform.unwrap_or(&plain);
        Ok(match samples {
            Samples::Features { size, values } => Self::Features(FeatureSource::new(size, values)),
            Samples::Series { channels, length, values } => {
                Self::Series(SeriesSource::new(channels, length, values))
            }
            Samples::VariableSeries { channels, lengths, values } => {
                Self::VariableSeries(VariableSeriesSource::new(channels, lengths, values))
            }
            Samples::Texts(texts) => Self::Texts(TextSource::new(texts)),
            Samples::Images { channels, height, width, pixels } => {
                Self::Images(ImageSource::new([channels, height, width], pixels, transform)?)
            }
            Samples::Encoded(images) => {
                Self::Encoded(EncodedSource::new(images, upright, transform)?)
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
        let values = |samples: Arc<dyn SampleSource>, corruption: Option<SetCorruption>| {
            views.over_samples(match corruption {
                Some(corruption) => Arc::new(CorruptedValues::new(samples, corruption)?),
                None => samples,
            })
        };
        Ok(match (self, corruption) {
            (Self::Features(samples), corruption) => values(Arc::new(samples), corruption)?,
            (Self::Series(samples), corruption) => values(Arc::new(samples), corruption)?,
            (Self::VariableSeries(samples), corruption) => values(Arc::new(samples), corruption)?,
            (Self::Texts(samples), corruption) => values(Arc::new(samples), corruption)?,
            (Self::Images(images), None) => Arc::new(images.with_views(views)?),
            (Self::Encoded(images), None) => Arc::new(images.with_views(views)?),
            (Self::Images(images), Some(it)) => Arc::new(images.corrupted(it)?.with_views(views)?),
            (Self::Encoded(images), Some(it)) => Arc::new(images.corrupted(it)?.with_views(views)?),
        })
    }
}
