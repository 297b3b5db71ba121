//! Two domains of feature vectors with a shift between them.

use std::ops::Range;

use burn::tensor::Device;
use isthmus_core::batch::{SourceBatch, TargetBatch};
use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::error::DataError;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::random::Key;
use isthmus_core::stage::{SampleView, StageData};
use isthmus_core::targets::Targets;
use rand::RngExt;
use rand_distr::StandardNormal;

/// One labelled source and one target of feature vectors, as a stage's data.
///
/// Batches take the rows in turn; the two domains' batch sizes may differ.
#[derive(Clone, Debug)]
pub struct TwoDomains {
    /// Number of classes.
    pub classes: usize,
    /// Number of features.
    pub features: usize,
    /// Source rows, one after the other.
    pub source: Vec<f32>,
    /// Classes of the source rows.
    pub source_labels: Vec<u32>,
    /// Target rows, one after the other.
    pub target: Vec<f32>,
    /// Classes of the target rows, for tests alone; methods cannot reach them.
    pub target_labels: Vec<u32>,
    /// Rows of a source batch.
    pub source_batch: usize,
    /// Rows of a target batch.
    pub target_batch: usize,
    /// Whether reading the target fails: for methods that must not look at it.
    pub target_hidden: bool,
}

impl TwoDomains {
    /// Two classes in three features. The first feature tells the classes apart (±1.5), the
    /// second is `shift` in the target and 0 in the source, the third is noise. All rows make up
    /// one batch.
    pub fn shifted(source_rows: usize, target_rows: usize, shift: f32) -> Self {
        let key = Key::new(11);
        let draw = |rows: usize, shift: f32, key: Key| {
            let mut rng = key.rng();
            let labels: Vec<u32> = (0..rows).map(|row| (row % 2) as u32).collect();
            let mut values = Vec::new();
            for label in &labels {
                let centre = if *label == 0 { -1.5 } else { 1.5 };
                for mean in [centre, shift, 0.0] {
                    values.push(mean + 0.4 * rng.sample::<f32, _>(StandardNormal));
                }
            }
            (values, labels)
        };
        let (source, source_labels) = draw(source_rows, 0.0, key.named("source"));
        let (target, target_labels) = draw(target_rows, shift, key.named("target"));
        Self {
            classes: 2,
            features: 3,
            source,
            source_labels,
            target,
            target_labels,
            source_batch: source_rows,
            target_batch: target_rows,
            target_hidden: false,
        }
    }

    /// The same data in batches of other sizes.
    pub fn batches(self, source: usize, target: usize) -> Self {
        Self { source_batch: source, target_batch: target, ..self }
    }

    fn input(&self, values: &[f32], indices: &[usize], device: &Device) -> Input {
        let rows: Vec<f32> = indices
            .iter()
            .flat_map(|&row| &values[row * self.features..(row + 1) * self.features])
            .copied()
            .collect();
        let shape = InputShape::Features { size: self.features };
        Input::from_values(rows, indices.len(), shape, device)
    }

    fn turn(step: usize, batch: usize, rows: usize) -> Vec<usize> {
        (0..batch).map(|row| (step * batch + row) % rows).collect()
    }
}

impl StageData for TwoDomains {
    fn classes(&self) -> usize {
        self.classes
    }

    fn source_ranges(&self) -> Vec<Range<usize>> {
        std::iter::once(0..self.source_labels.len()).collect()
    }

    fn source_targets(&self) -> Targets {
        Targets::Classes(self.source_labels.clone())
    }

    fn target_rows(&self) -> usize {
        self.target_labels.len()
    }

    fn source_batch(&self, number: usize, device: &Device) -> Result<SourceBatch, DataError> {
        let rows = Self::turn(number, self.source_batch, self.source_rows());
        self.source_at(&rows, SampleView::Plain, device)
    }

    fn target_batch(&self, number: usize, device: &Device) -> Result<TargetBatch, DataError> {
        let rows = Self::turn(number, self.target_batch, self.target_rows());
        self.target_at(&rows, SampleView::Plain, device)
    }

    fn source_at(
        &self,
        indices: &[usize],
        _view: SampleView,
        device: &Device,
    ) -> Result<SourceBatch, DataError> {
        Ok(SourceBatch {
            input: self.input(&self.source, indices, device),
            targets: self.source_targets().select(indices),
            segments: vec![Segment { domain: DomainRole::SOURCE, rows: indices.len() }],
            indices: indices.to_vec(),
        })
    }

    fn target_at(
        &self,
        indices: &[usize],
        _view: SampleView,
        device: &Device,
    ) -> Result<TargetBatch, DataError> {
        if self.target_hidden {
            return Err(DataError::Mismatch("the target is hidden".to_owned()));
        }
        Ok(TargetBatch {
            input: self.input(&self.target, indices, device),
            indices: indices.to_vec(),
        })
    }
}
