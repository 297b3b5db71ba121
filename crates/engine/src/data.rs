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
use isthmus_core::rows_of::RowsOf;
use isthmus_core::sample_values::SampleValues;
use isthmus_core::stage::{SampleView, StageData};
use isthmus_core::targets::Targets;

use crate::batches::{self, Batches, HostBatch};
use crate::sampler::Sampler;

/// The domains of a job.
#[derive(Clone)]
pub struct JobData {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Number of classes that the target may have, where the experiment says that they are fewer.
    pub target_classes: Option<usize>,
    /// The labelled domains.
    pub sources: Vec<Domain>,
    /// The domain without labels; its labels serve the final evaluation alone. Of a stream, all of
    /// its domains, one after the other.
    pub target: Domain,
    /// The domains of a stream, each by itself, in order; empty where the target is one domain.
    pub shifts: Vec<Domain>,
}

impl JobData {
    /// Shape of one sample.
    pub fn input_shape(&self) -> InputShape {
        self.target.train.samples.shape()
    }
}

/// What a stage draws from: labelled samples with the domain they count as, and the target's
/// samples without labels.
pub(crate) struct Draws {
    classes: usize,
    labelled: Vec<Labelled>,
    target: Batches,
}

/// The labelled rows of a domain.
struct Labelled {
    role: DomainRole,
    samples: Arc<dyn SampleSource>,
    targets: Targets,
    batches: Batches,
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
        let target = Arc::clone(&data.target.train.samples);
        let labelled: Vec<_> = labelled
            .into_iter()
            .map(|(role, set)| (role, known_rows(&set), set.targets.targets().clone()))
            .collect();
        let sets = labelled.iter().map(|(_, samples, _)| samples);
        let readers = batches::readers(sets.chain([&target]));
        let views = key.named("labelled view");
        let labelled = labelled
            .into_iter()
            .enumerate()
            .map(|(position, (role, samples, targets))| {
                let key = key.named("labelled").at(role.slot() as u64);
                let sampler = Sampler::new(key, samples.rows(), batch_size);
                let view =
                    move |number| SampleView::Weak(views.at(number as u64).at(position as u64));
                let own = Arc::clone(&samples);
                let batches = Batches::new(own, sampler, readers.clone(), view);
                Labelled { role, samples, targets, batches }
            })
            .collect();
        let sampler = Sampler::new(key.named("target"), target.rows(), batch_size);
        let views = key.named("target view");
        let view = move |number| SampleView::Weak(views.at(number as u64));
        let target = Batches::new(target, sampler, readers, view);
        Self { classes: data.classes.len(), labelled, target }
    }

    fn target_of(&self, batch: HostBatch, device: &Device) -> TargetBatch {
        let HostBatch { rows, values } = batch;
        let input = Input::from_values(values, rows.len(), self.target.samples().shape(), device);
        TargetBatch { input, indices: rows }
    }

    /// Joins rows of the labelled domains, given by domain.
    fn joined(&self, batches: Vec<HostBatch>, device: &Device) -> Result<SourceBatch, DataError> {
        let mut values: Option<SampleValues> = None;
        let mut targets: Option<Targets> = None;
        let mut segments = Vec::new();
        let mut indices = Vec::new();
        let mut shape = None;
        let ranges = self.source_ranges();
        for (position, (domain, batch)) in self.labelled.iter().zip(batches).enumerate() {
            let Labelled { role, samples, targets: known, .. } = domain;
            let HostBatch { rows, values: drawn } = batch;
            if rows.is_empty() {
                continue;
            }
            match &mut values {
                None => values = Some(drawn),
                Some(values) => values.append(drawn)?,
            }
            let own = known.select(&rows);
            match &mut targets {
                None => targets = Some(own),
                Some(targets) => targets.append(own),
            }
            segments.push(Segment { domain: *role, rows: rows.len() });
            indices.extend(rows.iter().map(|&row| ranges[position].start + row));
            shape = Some(samples.shape());
        }
        let (Some(values), Some(shape), Some(targets)) = (values, shape, targets) else {
            return Err(DataError::Mismatch(
                "the source has no labelled training samples to draw from".to_owned(),
            ));
        };
        let input = Input::from_values(values, indices.len(), shape, device);
        Ok(SourceBatch { input, targets, segments, indices })
    }
}

/// The rows of a set that have a target.
fn known_rows(set: &LabelledSource) -> Arc<dyn SampleSource> {
    if set.targets.is_complete() {
        return Arc::clone(&set.samples);
    }
    Arc::new(RowsOf::new(Arc::clone(&set.samples), set.targets.known()))
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
            let rows = labelled.samples.rows();
            start += rows;
            start - rows..start
        };
        self.labelled.iter().map(range).collect()
    }

    fn source_targets(&self) -> Targets {
        let mut all: Option<Targets> = None;
        for labelled in self.labelled.iter().filter(|labelled| labelled.samples.rows() > 0) {
            let own = labelled.targets.clone();
            match &mut all {
                None => all = Some(own),
                Some(all) => all.append(own),
            }
        }
        all.unwrap_or(Targets::Classes(Vec::new()))
    }

    fn target_rows(&self) -> usize {
        self.target.samples().rows()
    }

    fn source_batch(&self, number: usize, device: &Device) -> Result<SourceBatch, DataError> {
        let batches = self.labelled.iter().map(|domain| domain.batches.batch(number));
        self.joined(batches.collect::<Result<_, _>>()?, device)
    }

    fn target_batch(&self, number: usize, device: &Device) -> Result<TargetBatch, DataError> {
        Ok(self.target_of(self.target.batch(number)?, device))
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
        let read = |(position, rows): (usize, Vec<usize>)| {
            // Equal rows of two sources must not draw equal random views.
            let view = view.by(|key| key.at(position as u64));
            let values = match rows.is_empty() {
                true => SampleValues::Dense(Vec::new()),
                false => self.labelled[position].samples.values(&rows, view)?,
            };
            Ok(HostBatch { rows, values })
        };
        let batches: Result<_, DataError> = rows.into_iter().enumerate().map(read).collect();
        self.joined(batches?, device)
    }

    fn target_at(
        &self,
        indices: &[usize],
        view: SampleView,
        device: &Device,
    ) -> Result<TargetBatch, DataError> {
        if let Some(&row) = indices.iter().find(|&&row| row >= self.target_rows()) {
            return Err(no_such_row(row, self.target_rows(), "target"));
        }
        let values = self.target.samples().values(indices, view)?;
        Ok(self.target_of(HostBatch { rows: indices.to_vec(), values }, device))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::targets::RowTargets;
    use rand::RngExt;

    use super::*;

    /// Rows whose value is their number, plus a part of the view's key below 1.
    struct Numbers(usize);

    impl SampleSource for Numbers {
        fn rows(&self) -> usize {
            self.0
        }

        fn shape(&self) -> InputShape {
            InputShape::Features { size: 1 }
        }

        fn values(&self, indices: &[usize], view: SampleView) -> Result<SampleValues, DataError> {
            let value = |&row: &usize| match view {
                SampleView::Plain => row as f32,
                SampleView::Weak(key) | SampleView::Strong(key) => {
                    row as f32 + key.at(row as u64).rng().random::<f32>()
                }
            };
            Ok(indices.iter().map(value).collect::<Vec<_>>().into())
        }
    }

    fn domain(name: &str, rows: usize) -> Domain {
        let classes: Vec<_> = (0..rows).map(|row| Some((row % 2) as u32)).collect();
        let set = LabelledSource {
            samples: Arc::new(Numbers(rows)),
            targets: RowTargets::of_classes(&classes),
        };
        Domain { name: name.to_owned(), train: set.clone(), validation: None, test: set }
    }

    fn draws() -> Draws {
        let data = JobData {
            target_classes: None,
            classes: vec!["a".to_owned(), "b".to_owned()],
            sources: vec![domain("first", 4), domain("second", 3)],
            target: domain("target", 5),
            shifts: Vec::new(),
        };
        Draws::adaptation(&data, 2, Key::new(1))
    }

    fn values(input: Input) -> Vec<f32> {
        input.flatten().into_data().try_to_vec().unwrap()
    }

    #[test]
    fn rows_of_all_sources_are_asked_for_by_one_number() {
        let (draws, device) = (draws(), Device::flex());
        let batch = draws.source_at(&[3, 6, 4], SampleView::Plain, &device).unwrap();
        assert_eq!(batch.indices, [3, 6, 4]);
        assert_eq!(values(batch.input), [3.0, 2.0, 0.0]);
        assert_eq!(batch.segments.len(), 2);
        // The same row of two sources is another sample, and drawn for itself.
        let weak = SampleView::Weak(Key::new(7));
        let batch = values(draws.source_at(&[1, 5], weak, &device).unwrap().input);
        assert_ne!(batch[0], batch[1]);
    }

    #[test]
    fn rows_that_are_not_there_are_an_error() {
        let (draws, device) = (draws(), Device::flex());
        let error = draws.source_at(&[0, 7], SampleView::Plain, &device).err().unwrap();
        assert!(error.to_string().contains("row 7 of the source was asked for, it has 7 rows"));
        let error = draws.target_at(&[5], SampleView::Plain, &device).err().unwrap();
        assert!(error.to_string().contains("row 5 of the target was asked for, it has 5 rows"));
    }
}
