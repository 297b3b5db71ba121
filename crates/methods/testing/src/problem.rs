//! Two domains of feature vectors or images with a shift between them.

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

/// Standard deviation of a strong view's noise.
const STRONG_NOISE: f32 = 0.3;

/// One labelled source and one target of feature vectors or images, as a stage's data.
///
/// Batches take the rows in turn; the two domains' batch sizes may differ. A weak view is the
/// sample itself, a strong one has noise of standard deviation 0.3. The default has no rows.
#[derive(Clone, Debug, Default)]
pub struct TwoDomains {
    /// Number of classes.
    pub classes: usize,
    /// Number of features; of images, of pixels.
    pub features: usize,
    /// Pixels along a side, where samples are square grey images.
    pub side: Option<usize>,
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
    /// Rows of the first of two sources, where there are two. Batches do not tell them apart.
    pub first_source_rows: Option<usize>,
    /// Whether reading the target fails: for methods that must not look at it.
    pub target_hidden: bool,
    /// Whether reading the source fails: for methods that work without it.
    pub source_hidden: bool,
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
            ..Self::default()
        }
    }

    /// Two classes of images of 6x6 pixels: a bright bar along the top, and a bright square in the
    /// upper left corner, both with noise. Those of the target are fainter, by `fading` between 0
    /// and 1, on a ground that is brighter by as much. All rows make up one batch.
    pub fn images(source_rows: usize, target_rows: usize, fading: f32) -> Self {
        const SIDE: usize = 6;
        let draw = |rows: usize, fading: f32, key: Key| {
            let mut rng = key.rng();
            let labels: Vec<u32> = (0..rows).map(|row| (row % 2) as u32).collect();
            let mut values = Vec::new();
            for label in &labels {
                for pixel in 0..SIDE * SIDE {
                    let (line, column) = (pixel / SIDE, pixel % SIDE);
                    let is_bright = if *label == 0 { line < 2 } else { line < 3 && column < 3 };
                    let bright = if is_bright { 1.0 - fading } else { 0.0 };
                    values.push(fading + bright + 0.2 * rng.sample::<f32, _>(StandardNormal));
                }
            }
            (values, labels)
        };
        let key = Key::new(12);
        let (source, source_labels) = draw(source_rows, 0.0, key.named("source"));
        let (target, target_labels) = draw(target_rows, fading, key.named("target"));
        Self {
            classes: 2,
            features: SIDE * SIDE,
            side: Some(SIDE),
            source,
            source_labels,
            target,
            target_labels,
            source_batch: source_rows,
            target_batch: target_rows,
            ..Self::default()
        }
    }

    /// The shape of one sample.
    pub fn shape(&self) -> InputShape {
        match self.side {
            Some(side) => InputShape::Image { channels: 1, height: side, width: side },
            None => InputShape::Features { size: self.features },
        }
    }

    /// The same data in batches of other sizes.
    pub fn batches(self, source: usize, target: usize) -> Self {
        Self { source_batch: source, target_batch: target, ..self }
    }

    fn input(&self, values: &[f32], indices: &[usize], view: SampleView, device: &Device) -> Input {
        let mut rows = Vec::with_capacity(indices.len() * self.features);
        for &row in indices {
            let values = &values[row * self.features..(row + 1) * self.features];
            match view {
                SampleView::Strong(key) => {
                    let mut rng = key.at(row as u64).rng();
                    let noise = || STRONG_NOISE * rng.sample::<f32, _>(StandardNormal);
                    let noise = std::iter::repeat_with(noise);
                    rows.extend(values.iter().zip(noise).map(|(value, noise)| value + noise));
                }
                SampleView::Plain | SampleView::Weak(_) => rows.extend_from_slice(values),
            }
        }
        Input::from_values(rows, indices.len(), self.shape(), device)
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
        let rows = self.source_labels.len();
        match self.first_source_rows {
            Some(first) => vec![0..first, first..rows],
            None => std::iter::once(0..rows).collect(),
        }
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
        view: SampleView,
        device: &Device,
    ) -> Result<SourceBatch, DataError> {
        if self.source_hidden {
            return Err(DataError::Mismatch("the source is hidden".to_owned()));
        }
        Ok(SourceBatch {
            input: self.input(&self.source, indices, view, device),
            targets: self.source_targets().select(indices),
            segments: vec![Segment { domain: DomainRole::SOURCE, rows: indices.len() }],
            indices: indices.to_vec(),
        })
    }

    fn target_at(
        &self,
        indices: &[usize],
        view: SampleView,
        device: &Device,
    ) -> Result<TargetBatch, DataError> {
        if self.target_hidden {
            return Err(DataError::Mismatch("the target is hidden".to_owned()));
        }
        Ok(TargetBatch {
            input: self.input(&self.target, indices, view, device),
            indices: indices.to_vec(),
        })
    }
}
