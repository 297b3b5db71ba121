//! Samples as vectors of one size, and back.

use std::sync::Arc;

use isthmus_core::dataset::SampleSource;
use isthmus_core::error::DataError;
use isthmus_core::feature_transform::Vectors;
use isthmus_core::input::InputShape;
use isthmus_core::sample_values::SampleValues;
use isthmus_core::stage::SampleView;

use crate::sources::{FeatureSource, SeriesSource, VariableSeriesSource};

/// All samples of a source as vectors: of features one a sample, of series one a time step.
pub(crate) struct SampleVectors {
    /// The vectors.
    pub vectors: Vectors,
    form: Form,
}

/// What the vectors are.
enum Form {
    Features,
    Series { length: usize },
    VariableSeries { lengths: Vec<usize> },
}

impl SampleVectors {
    /// The samples, without augmentations.
    ///
    /// # Errors
    /// If one cannot be read, or they are images or texts.
    pub fn read(source: &dyn SampleSource) -> Result<Self, DataError> {
        let rows: Vec<usize> = (0..source.rows()).collect();
        match source.shape() {
            InputShape::Features { size } => {
                let values = source.values(&rows, SampleView::Plain)?.into_dense()?;
                Ok(Self { vectors: Vectors { size, values }, form: Form::Features })
            }
            InputShape::Series { channels, length } => {
                let values = source.values(&rows, SampleView::Plain)?.into_dense()?;
                let values = transposed(&values, channels, std::iter::repeat(length));
                let form = Form::Series { length };
                Ok(Self { vectors: Vectors { size: channels, values }, form })
            }
            InputShape::VariableSeries { channels, .. } => {
                let read = source.values(&rows, SampleView::Plain)?;
                let SampleValues::Series { lengths, values, .. } = read else {
                    return Err(other_samples(source.shape()));
                };
                let values = transposed(&values, channels, lengths.iter().copied());
                let form = Form::VariableSeries { lengths };
                Ok(Self { vectors: Vectors { size: channels, values }, form })
            }
            shape @ (InputShape::Image { .. } | InputShape::Text) => Err(other_samples(shape)),
        }
    }

    /// The samples that the vectors are, under the names of those they were read from.
    pub fn source(self, origin: Arc<dyn SampleSource>) -> Arc<dyn SampleSource> {
        let Vectors { size, values } = self.vectors;
        let samples: Arc<dyn SampleSource> = match self.form {
            Form::Features => return Arc::new(FeatureSource::new(size, values).of(origin)),
            Form::Series { length } => {
                let values = untransposed(&values, size, std::iter::repeat(length));
                Arc::new(SeriesSource::new(size, length, values))
            }
            Form::VariableSeries { lengths } => {
                let values = untransposed(&values, size, lengths.iter().copied());
                Arc::new(VariableSeriesSource::new(size, lengths, values))
            }
        };
        Arc::new(Named { samples, origin })
    }
}

fn other_samples(shape: InputShape) -> DataError {
    DataError::Mismatch(format!(
        "feature transforms change features and series, these samples are {shape}; \
         `data.transform` is for images"
    ))
}

/// From `[channels, length]` of each series to `[length, channels]`.
fn transposed(values: &[f32], channels: usize, lengths: impl Iterator<Item = usize>) -> Vec<f32> {
    turned(values, lengths.map(|length| [channels, length]))
}

/// From `[length, channels]` of each series to `[channels, length]`.
fn untransposed(values: &[f32], channels: usize, lengths: impl Iterator<Item = usize>) -> Vec<f32> {
    turned(values, lengths.map(|length| [length, channels]))
}

/// Matrices of these rows and columns, one after the other, each transposed; the sizes may be
/// those of more matrices than there are.
fn turned(values: &[f32], sizes: impl Iterator<Item = [usize; 2]>) -> Vec<f32> {
    let mut turned = Vec::with_capacity(values.len());
    let mut rest = values;
    for [rows, columns] in sizes {
        if rest.is_empty() {
            break;
        }
        let (matrix, behind) = rest.split_at(rows * columns);
        rest = behind;
        for column in 0..columns {
            turned.extend(matrix.iter().skip(column).step_by(columns));
        }
    }
    turned
}

/// Samples under the names of others.
struct Named {
    samples: Arc<dyn SampleSource>,
    origin: Arc<dyn SampleSource>,
}

impl SampleSource for Named {
    fn rows(&self) -> usize {
        self.samples.rows()
    }

    fn shape(&self) -> InputShape {
        self.samples.shape()
    }

    fn name(&self, row: usize) -> String {
        self.origin.name(row)
    }

    fn values(&self, indices: &[usize], view: SampleView) -> Result<SampleValues, DataError> {
        self.samples.values(indices, view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(source: Arc<dyn SampleSource>) -> (Vec<f32>, SampleValues) {
        let read = SampleVectors::read(&*source).unwrap();
        let vectors = read.vectors.values.clone();
        let rows: Vec<usize> = (0..source.rows()).collect();
        let again = read.source(Arc::clone(&source));
        assert_eq!((again.rows(), again.shape()), (source.rows(), source.shape()));
        assert_eq!(again.name(1), source.name(1));
        let values = again.values(&rows, SampleView::Plain).unwrap();
        assert_eq!(values, source.values(&rows, SampleView::Plain).unwrap());
        (vectors, values)
    }

    #[test]
    fn vectors_of_series_are_their_time_steps() {
        let values: Vec<f32> = (0..12).map(|value| value as f32).collect();
        let (vectors, _) = back(Arc::new(SeriesSource::new(2, 3, values.clone())));
        assert_eq!(vectors, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0, 6.0, 9.0, 7.0, 10.0, 8.0, 11.0]);
        let (vectors, _) = back(Arc::new(VariableSeriesSource::new(2, vec![1, 5], values.clone())));
        assert_eq!(vectors, [0.0, 1.0, 2.0, 7.0, 3.0, 8.0, 4.0, 9.0, 5.0, 10.0, 6.0, 11.0]);
        let (vectors, _) = back(Arc::new(FeatureSource::new(6, values.clone())));
        assert_eq!(vectors, values);
    }
}
