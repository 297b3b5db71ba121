//! Two sources as one.

use std::sync::Arc;

use isthmus_core::dataset::SampleSource;
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::sample_values::SampleValues;
use isthmus_core::stage::SampleView;

/// The rows of one source, then those of another of the same shape.
#[derive(Clone)]
pub struct Joined {
    first: Arc<dyn SampleSource>,
    second: Arc<dyn SampleSource>,
}

impl Joined {
    /// Joins two sources.
    ///
    /// # Errors
    /// If their shapes differ.
    pub fn new(
        first: Arc<dyn SampleSource>,
        second: Arc<dyn SampleSource>,
    ) -> Result<Self, DataError> {
        if first.shape().takes(second.shape()) {
            Ok(Self { first, second })
        } else {
            Err(DataError::Mismatch(format!(
                "training and test samples differ in shape: {} and {}",
                first.shape(),
                second.shape()
            )))
        }
    }
}

impl SampleSource for Joined {
    fn rows(&self) -> usize {
        self.first.rows() + self.second.rows()
    }

    fn shape(&self) -> InputShape {
        match (self.first.shape(), self.second.shape()) {
            (
                InputShape::VariableSeries { channels, longest: first },
                InputShape::VariableSeries { longest: second, .. },
            ) => InputShape::VariableSeries { channels, longest: first.max(second) },
            (shape, _) => shape,
        }
    }

    fn name(&self, row: usize) -> String {
        match row.checked_sub(self.first.rows()) {
            None => self.first.name(row),
            Some(row) => self.second.name(row),
        }
    }

    fn values(&self, indices: &[usize], view: SampleView) -> Result<SampleValues, DataError> {
        let offset = self.first.rows();
        // Equal positions in the two parts must not draw equal random views.
        let second_view = view.by(|key| key.named("second part"));
        let in_first: Vec<usize> =
            indices.iter().copied().filter(|&index| index < offset).collect();
        let in_second: Vec<usize> =
            indices.iter().filter_map(|&index| index.checked_sub(offset)).collect();
        if in_second.is_empty() {
            return self.first.values(&in_first, view);
        }
        let first = self.first.values(&in_first, view)?;
        let second = self.second.values(&in_second, second_view)?;
        let from_first = indices.iter().map(|&index| index < offset);
        SampleValues::interleave(&first, &second, from_first, self.shape().len())
    }

    fn is_slow(&self) -> bool {
        self.first.is_slow() || self.second.is_slow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series_source::VariableSeriesSource;
    use crate::sources::FeatureSource;

    fn numbers(range: std::ops::Range<usize>) -> Arc<dyn SampleSource> {
        let values: Vec<f32> = range.flat_map(|row| [row as f32, -(row as f32)]).collect();
        Arc::new(FeatureSource::new(2, values))
    }

    #[test]
    fn joined_parts_follow_each_other() {
        let joined = Joined::new(numbers(0..3), numbers(10..12)).unwrap();
        assert_eq!(joined.rows(), 5);
        let values = joined.values(&[4, 0, 3, 2], SampleView::Plain).unwrap().into_dense().unwrap();
        assert_eq!(values, [11.0, -11.0, 0.0, 0.0, 10.0, -10.0, 2.0, -2.0]);
        assert!(Joined::new(numbers(0..1), Arc::new(FeatureSource::new(3, vec![0.0; 3]))).is_err());
    }

    #[test]
    fn parts_may_have_series_of_other_lengths() {
        let series = |lengths: &[usize]| -> Arc<dyn SampleSource> {
            let values: Vec<f32> =
                (0..lengths.iter().sum()).map(|value: usize| value as f32).collect();
            Arc::new(VariableSeriesSource::new(1, lengths, values))
        };
        let joined = Joined::new(series(&[1, 2]), series(&[4])).unwrap();
        assert_eq!(joined.shape(), InputShape::VariableSeries { channels: 1, longest: 4 });
        let read = joined.values(&[2, 1], SampleView::Plain).unwrap();
        assert_eq!(read.rows(0), [&[0.0, 1.0, 2.0, 3.0][..], &[1.0, 2.0]]);
    }
}
