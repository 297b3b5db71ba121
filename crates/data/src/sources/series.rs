//! Series in memory, ready for a network.

use std::sync::Arc;

use isthmus_core::dataset::SampleSource;
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::sample_values::SampleValues;
use isthmus_core::stage::SampleView;

use super::features::rows_of;

/// Series of one length, `[rows, channels, length]`. Every view is the same.
#[derive(Clone)]
pub struct SeriesSource {
    channels: usize,
    length: usize,
    values: Arc<[f32]>,
}

impl SeriesSource {
    /// Series of `channels` channels and `length` time steps, one after the other.
    pub fn new(channels: usize, length: usize, values: impl Into<Arc<[f32]>>) -> Self {
        Self { channels, length, values: values.into() }
    }
}

impl SampleSource for SeriesSource {
    fn rows(&self) -> usize {
        self.values.len().checked_div(self.channels * self.length).unwrap_or(0)
    }

    fn shape(&self) -> InputShape {
        InputShape::Series { channels: self.channels, length: self.length }
    }

    fn values(&self, indices: &[usize], _view: SampleView) -> Result<SampleValues, DataError> {
        Ok(rows_of(&self.values, self.channels * self.length, indices).into())
    }
}

/// Series of different lengths, each `[channels, length]`, one after the other. Every view is the
/// same.
#[derive(Clone)]
pub struct VariableSeriesSource {
    channels: usize,
    lengths: Arc<[usize]>,
    /// Where each series begins among the values.
    starts: Arc<[usize]>,
    values: Arc<[f32]>,
}

impl VariableSeriesSource {
    /// Series of `channels` channels and as many time steps as `lengths` says.
    ///
    /// # Panics
    /// If there are not as many values.
    pub fn new(
        channels: usize,
        lengths: impl Into<Arc<[usize]>>,
        values: impl Into<Arc<[f32]>>,
    ) -> Self {
        let (lengths, values) = (lengths.into(), values.into());
        let mut end = 0;
        let starts = lengths.iter().map(|length| {
            end += channels * length;
            end - channels * length
        });
        let starts = starts.collect();
        assert_eq!(end, values.len(), "the values are not those of series of these lengths");
        Self { channels, lengths, starts, values }
    }
}

impl SampleSource for VariableSeriesSource {
    fn rows(&self) -> usize {
        self.lengths.len()
    }

    fn shape(&self) -> InputShape {
        let longest = self.lengths.iter().copied().max().unwrap_or(0);
        InputShape::VariableSeries { channels: self.channels, longest }
    }

    fn values(&self, indices: &[usize], _view: SampleView) -> Result<SampleValues, DataError> {
        let lengths: Vec<usize> = indices.iter().map(|&row| self.lengths[row]).collect();
        let mut values = Vec::with_capacity(self.channels * lengths.iter().sum::<usize>());
        for (&row, length) in indices.iter().zip(&lengths) {
            values.extend_from_slice(&self.values[self.starts[row]..][..self.channels * length]);
        }
        Ok(SampleValues::Series { channels: self.channels, lengths, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_come_with_their_lengths_in_the_order_asked_for() {
        let values: Vec<f32> = (0..12).map(|value| value as f32).collect();
        let source = VariableSeriesSource::new(2, vec![1, 3, 2], values);
        assert_eq!(source.rows(), 3);
        assert_eq!(source.shape(), InputShape::VariableSeries { channels: 2, longest: 3 });
        let read = source.values(&[2, 0], SampleView::Plain).unwrap();
        let (lengths, values) = (vec![2, 1], vec![8.0, 9.0, 10.0, 11.0, 0.0, 1.0]);
        assert_eq!(read, SampleValues::Series { channels: 2, lengths, values });
    }
}
