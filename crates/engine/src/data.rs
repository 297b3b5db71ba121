//! The data of a job as its stages see it.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::Device;
use isthmus_core::batch::{SourceBatch, TargetBatch};
use isthmus_core::context::{DomainRole, Segment};
use isthmus_core::dataset::{Domain, LabelledSource, SampleSource};
use isthmus_core::error::DataError;
use isthmus_core::input::{Input, InputShape};
use isthmus_core::random::Key;
use isthmus_core::stage::{SampleView, StageData};
use isthmus_core::targets::Targets;

use crate::sampler::Sampler;

/// The domains of a job.
#[derive(Clone)]
pub struct JobData {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// The labelled domains.
    pub sources: Vec<Domain>,
    /// The domain without labels; its labels serve the final evaluation alone.
    pub target: Domain,
}

impl JobData {
    /// Shape of one sample.
    pub fn input_shape(&self) -> InputShape {
        self.target.train.samples.shape()
    }
}

/// The labelled rows of a domain.
struct Labelled {
    role: DomainRole,
    set: LabelledSource,
    /// The rows that have a target, in order.
    rows: Vec<usize>,
    sampler: Sampler,
}

/// What a stage draws from: labelled samples with the domain they count as, and the target's
/// samples without labels.
pub(crate) struct Draws {
    classes: usize,
    labelled: Vec<Labelled>,
    target: Arc<dyn SampleSource>,
    target_sampler: Sampler,
    key: Key,
}

impl Draws {
    /// Sources are labelled, the target is not.
    pub(crate) fn adaptation(data: &JobData, batch_size: usize, key: Key) -> Self {
        let labelled = data
            .sources
            .iter()
            .enumerate()
            .map(|(index, domain)| (DomainRole::Source(index), domain.train.clone()));
        Self::new(data, labelled.collect(), batch_size, key)
    }

    /// The target's training rows with their labels take the place of the source: for upper
    /// bounds, which are marked as such in every table.
    pub(crate) fn upper_bound(data: &JobData, batch_size: usize, key: Key) -> Self {
        let labelled = vec![(DomainRole::Target, data.target.train.clone())];
        Self::new(data, labelled, batch_size, key)
    }

    fn new(
        data: &JobData,
        labelled: Vec<(DomainRole, LabelledSource)>,
        batch_size: usize,
        key: Key,
    ) -> Self {
        let key = key.named("batches");
        let labelled = labelled
            .into_iter()
            .map(|(role, set)| {
                let rows = set.targets.known();
                let key = key.named("labelled").at(role.slot() as u64);
                let sampler = Sampler::new(key, rows.len(), batch_size);
                Labelled { role, set, rows, sampler }
            })
            .collect();
        let target = Arc::clone(&data.target.train.samples);
        let target_sampler = Sampler::new(key.named("target"), target.rows(), batch_size);
        Self { classes: data.classes.len(), labelled, target, target_sampler, key }
    }

    /// Joins labelled rows of the domains, given by domain as positions among those.
    fn labelled_rows(
        &self,
        positions: &[Vec<usize>],
        view: impl Fn(usize) -> SampleView,
        device: &Device,
    ) -> Result<SourceBatch, DataError> {
        let mut values = Vec::new();
        let mut targets: Option<Targets> = None;
        let mut segments = Vec::new();
        let mut indices = Vec::new();
        let mut shape = None;
        let ranges = self.source_ranges();
        for (place, (labelled, positions)) in self.labelled.iter().zip(positions).enumerate() {
            if positions.is_empty() {
                continue;
            }
            let Labelled { role, set, rows, .. } = labelled;
            let rows: Vec<usize> = positions.iter().map(|&position| rows[position]).collect();
            let drawn = set.samples.values(&rows, view(place))?;
            if values.is_empty() {
                values = drawn;
            } else {
                values.extend(drawn);
            }
            let own = set.targets.targets().select(positions);
            match &mut targets {
                None => targets = Some(own),
                Some(targets) => targets.append(own),
            }
            segments.push(Segment { domain: *role, rows: rows.len() });
            indices.extend(positions.iter().map(|&position| ranges[place].start + position));
            shape = Some(set.samples.shape());
        }
        let (Some(shape), Some(targets)) = (shape, targets) else {
            return Err(DataError::Mismatch(
                "the source has no labelled training samples to draw from".to_owned(),
            ));
        };
        let input = Input::from_values(values, indices.len(), shape, device);
        Ok(SourceBatch { input, targets, segments, indices })
    }
}

fn no_such_row(row: usize, rows: usize, domain: &str) -> DataError {
    DataError::Mismatch(format!("row {row} of the {domain} was asked for, it has {rows} rows"))
}

impl StageData for Draws {
    fn classes(&self) -> usize {
        self.classes
    }

    fn source_ranges(&self) -> Vec<Range<usize>> {
        let mut start = 0;
        let range = |labelled: &Labelled| {
            let rows = labelled.rows.len();
            start += rows;
            start - rows..start
        };
        self.labelled.iter().map(range).collect()
    }

    fn source_targets(&self) -> Targets {
        let mut all: Option<Targets> = None;
        for labelled in self.labelled.iter().filter(|labelled| !labelled.rows.is_empty()) {
            let own = labelled.set.targets.targets().clone();
            match &mut all {
                None => all = Some(own),
                Some(all) => all.append(own),
            }
        }
        all.unwrap_or(Targets::Classes(Vec::new()))
    }

    fn target_rows(&self) -> usize {
        self.target.rows()
    }

    fn source_batch(&self, number: usize, device: &Device) -> Result<SourceBatch, DataError> {
        let rows: Vec<_> =
            self.labelled.iter().map(|labelled| labelled.sampler.batch(number)).collect();
        let key = self.key.named("labelled view").at(number as u64);
        self.labelled_rows(&rows, |position| SampleView::Training(key.at(position as u64)), device)
    }

    fn target_batch(&self, number: usize, device: &Device) -> Result<TargetBatch, DataError> {
        let view = SampleView::Training(self.key.named("target view").at(number as u64));
        self.target_at(&self.target_sampler.batch(number), view, device)
    }

    fn source_at(
        &self,
        indices: &[usize],
        view: SampleView,
        device: &Device,
    ) -> Result<SourceBatch, DataError> {
        let ranges = self.source_ranges();
        let mut rows = vec![Vec::new(); self.labelled.len()];
        for &index in indices {
            let Some(position) = ranges.iter().position(|range| range.contains(&index)) else {
                return Err(no_such_row(index, self.source_rows(), "source"));
            };
            rows[position].push(index - ranges[position].start);
        }
        let view = |position: usize| match view {
            SampleView::Training(key) => SampleView::Training(key.at(position as u64)),
            SampleView::Plain => SampleView::Plain,
        };
        self.labelled_rows(&rows, view, device)
    }

    fn target_at(
        &self,
        indices: &[usize],
        view: SampleView,
        device: &Device,
    ) -> Result<TargetBatch, DataError> {
        if let Some(&row) = indices.iter().find(|&&row| row >= self.target.rows()) {
            return Err(no_such_row(row, self.target.rows(), "target"));
        }
        let values = self.target.values(indices, view)?;
        let input = Input::from_values(values, indices.len(), self.target.shape(), device);
        Ok(TargetBatch { input, indices: indices.to_vec() })
    }
}
