//! Feature vectors.

use std::sync::Arc;

use isthmus_core::dataset::SampleSource;
use isthmus_core::error::DataError;
use isthmus_core::input::InputShape;
use isthmus_core::sample_values::SampleValues;
use isthmus_core::stage::SampleView;

/// The given rows, of `size` values each.
pub(crate) fn rows_of(values: &[f32], size: usize, indices: &[usize]) -> Vec<f32> {
    let mut found = Vec::with_capacity(indices.len() * size);
    for &row in indices {
        found.extend_from_slice(&values[row * size..(row + 1) * size]);
    }
    found
}

/// Feature vectors in memory. Every view is the same.
#[derive(Clone)]
pub struct FeatureSource {
    size: usize,
    values: Arc<[f32]>,
    /// The samples that these are features of, for their names.
    origin: Option<Arc<dyn SampleSource>>,
}

impl FeatureSource {
    /// Vectors of `size` values, one after the other.
    pub fn new(size: usize, values: impl Into<Arc<[f32]>>) -> Self {
        Self { size, values: values.into(), origin: None }
    }

    /// The same features under the names of the samples that they were extracted from.
    pub fn of(self, origin: Arc<dyn SampleSource>) -> Self {
        Self { origin: Some(origin), ..self }
    }
}

impl SampleSource for FeatureSource {
    fn rows(&self) -> usize {
        self.values.len().checked_div(self.size).unwrap_or(0)
    }

    fn shape(&self) -> InputShape {
        InputShape::Features { size: self.size }
    }

    fn name(&self, row: usize) -> String {
        self.origin.as_ref().map_or_else(|| row.to_string(), |origin| origin.name(row))
    }

    fn values(&self, indices: &[usize], _view: SampleView) -> Result<SampleValues, DataError> {
        Ok(rows_of(&self.values, self.size, indices).into())
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::rows_of::RowsOf;

    use super::*;

    fn read(source: &dyn SampleSource, rows: &[usize], view: SampleView) -> Vec<f32> {
        source.values(rows, view).unwrap().into_dense().unwrap()
    }

    fn numbers(range: std::ops::Range<usize>) -> Arc<dyn SampleSource> {
        let values: Vec<f32> = range.flat_map(|row| [row as f32, -(row as f32)]).collect();
        Arc::new(FeatureSource::new(2, values))
    }

    #[test]
    fn rows_come_in_the_order_asked_for() {
        let source = numbers(0..5);
        assert_eq!(source.rows(), 5);
        assert_eq!(read(&*source, &[3, 0], SampleView::Plain), [3.0, -3.0, 0.0, 0.0]);
        let some = RowsOf::new(source, [4, 2]);
        assert_eq!(some.rows(), 2);
        assert_eq!(read(&some, &[1], SampleView::Plain), [2.0, -2.0]);
    }
}
