//! Some rows of other samples.

use std::sync::Arc;

use crate::dataset::SampleSource;
use crate::error::DataError;
use crate::input::InputShape;
use crate::sample_values::SampleValues;
use crate::stage::SampleView;

/// Some rows of other samples.
#[derive(Clone)]
pub struct RowsOf {
    samples: Arc<dyn SampleSource>,
    rows: Arc<[usize]>,
}

impl RowsOf {
    /// The given rows of `samples`, in this order.
    pub fn new(samples: Arc<dyn SampleSource>, rows: impl Into<Arc<[usize]>>) -> Self {
        Self { samples, rows: rows.into() }
    }
}

impl SampleSource for RowsOf {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn shape(&self) -> InputShape {
        self.samples.shape()
    }

    fn name(&self, row: usize) -> String {
        self.samples.name(self.rows[row])
    }

    fn values(&self, indices: &[usize], view: SampleView) -> Result<SampleValues, DataError> {
        let rows: Vec<usize> = indices.iter().map(|&index| self.rows[index]).collect();
        self.samples.values(&rows, view)
    }

    fn is_slow(&self) -> bool {
        self.samples.is_slow()
    }
}
