//! In which batches a stream goes through the target's test samples.

use std::ops::Range;

use isthmus_core::dataset::Domain;
use isthmus_core::error::MethodError;
use isthmus_core::random::Key;
use isthmus_core::spec::StreamOrder;
use rand::seq::SliceRandom;

use crate::data::JobData;

/// One batch of a stream.
pub(crate) struct StreamBatch {
    /// Its rows among all test samples of the target.
    pub rows: Vec<usize>,
    /// Whether the next batch is of another domain, or there is none.
    pub ends_shift: bool,
}

/// Number of batches of a stream of `rows` samples of one domain.
pub(crate) fn batches(rows: usize, batch_size: usize) -> usize {
    rows.div_ceil(batch_size.max(1))
}

/// Number of batches of a job's stream.
pub(crate) fn total_batches(data: &JobData, batch_size: usize) -> usize {
    shift_ranges(data).into_iter().map(|rows| batches(rows.len(), batch_size)).sum()
}

/// The rows of each domain of the target among its test samples.
pub(crate) fn shift_ranges(data: &JobData) -> Vec<Range<usize>> {
    let domains = match data.shifts.as_slice() {
        [] => std::slice::from_ref(&data.target),
        shifts => shifts,
    };
    let mut start = 0;
    let range = |domain: &Domain| {
        let rows = start..start + domain.test.samples.rows();
        start = rows.end;
        rows
    };
    domains.iter().map(range).collect()
}

/// The batches: one domain after the other, each row once, none with rows of two domains. Those of
/// a domain differ in size by one row at most: a last batch of one sample would have no statistics.
///
/// # Errors
/// If the order takes labels that the target does not have.
pub(crate) fn plan(
    data: &JobData,
    order: StreamOrder,
    batch_size: usize,
    key: Key,
) -> Result<Vec<StreamBatch>, MethodError> {
    let key = key.named("stream");
    let labels = match order {
        StreamOrder::ByLabel => Some(labels(data)?),
        StreamOrder::Shuffled | StreamOrder::Natural => None,
    };
    let mut plan = Vec::new();
    for (place, range) in shift_ranges(data).into_iter().enumerate() {
        let key = if data.shifts.is_empty() { key } else { key.at(place as u64) };
        let mut rows: Vec<usize> = range.collect();
        if order != StreamOrder::Natural {
            rows.shuffle(&mut key.rng());
        }
        if let Some(labels) = &labels {
            rows.sort_by_key(|&row| labels[row]);
        }
        let steps = batches(rows.len(), batch_size);
        plan.extend((0..steps).map(|step| StreamBatch {
            rows: rows[step * rows.len() / steps..(step + 1) * rows.len() / steps].to_vec(),
            ends_shift: step + 1 == steps,
        }));
    }
    Ok(plan)
}

/// A number for each row by which equal labels come together; rows without one come last.
fn labels(data: &JobData) -> Result<Vec<u32>, MethodError> {
    let targets = &data.target.test.targets;
    if targets.known_rows() == 0 {
        return Err(MethodError::Unsuitable(
            "`data.stream_order = \"by-label\"` needs labels of the target, which has none: use \
             `shuffled` or `natural`"
                .to_owned(),
        ));
    }
    Ok(targets.strata())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use isthmus_core::dataset::{LabelledSource, SampleSource};
    use isthmus_core::error::DataError;
    use isthmus_core::input::InputShape;
    use isthmus_core::sample_values::SampleValues;
    use isthmus_core::stage::SampleView;
    use isthmus_core::targets::RowTargets;

    use super::*;

    /// Samples of which only the number matters.
    struct Rows(usize);

    impl SampleSource for Rows {
        fn rows(&self) -> usize {
            self.0
        }

        fn shape(&self) -> InputShape {
            InputShape::Features { size: 1 }
        }

        fn values(&self, indices: &[usize], _view: SampleView) -> Result<SampleValues, DataError> {
            Ok(vec![0.0; indices.len()].into())
        }
    }

    fn domain(rows: usize, targets: RowTargets) -> Domain {
        let set = LabelledSource { samples: Arc::new(Rows(rows)), targets };
        Domain { name: rows.to_string(), train: set.clone(), validation: None, test: set }
    }

    fn classes(rows: usize) -> RowTargets {
        let classes: Vec<u32> = (0..rows as u32).map(|row| row % 3).collect();
        classes.into()
    }

    /// A target of one domain, or a stream of several.
    fn data(sizes: &[usize]) -> JobData {
        let all = sizes.iter().sum();
        let shifts = sizes.iter().map(|&rows| domain(rows, classes(rows)));
        JobData {
            target_classes: None,
            classes: Vec::new(),
            sources: Vec::new(),
            target: domain(all, classes(all)),
            shifts: if sizes.len() == 1 { Vec::new() } else { shifts.collect() },
        }
    }

    fn rows(plan: &[StreamBatch]) -> Vec<usize> {
        plan.iter().flat_map(|batch| batch.rows.clone()).collect()
    }

    fn planned(
        sizes: &[usize],
        order: StreamOrder,
        batch_size: usize,
        key: u64,
    ) -> Vec<StreamBatch> {
        plan(&data(sizes), order, batch_size, Key::new(key)).unwrap()
    }

    #[test]
    fn every_sample_comes_once_in_batches_of_nearly_one_size() {
        for (count, batch_size) in [(65, 64), (64, 64), (5, 2), (1, 8)] {
            let plan = planned(&[count], StreamOrder::Shuffled, batch_size, 3);
            assert_eq!(plan.len(), total_batches(&data(&[count]), batch_size));
            let sizes: Vec<usize> = plan.iter().map(|batch| batch.rows.len()).collect();
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            assert!(most - least <= 1 && *most <= batch_size, "{sizes:?}");
            let mut sorted = rows(&plan);
            sorted.sort_unstable();
            assert_eq!(sorted, (0..count).collect::<Vec<_>>());
        }
        let order = |key| rows(&planned(&[50], StreamOrder::Shuffled, 10, key));
        assert_ne!(order(3), order(4));
    }

    #[test]
    fn domains_come_one_after_the_other_and_share_no_batch() {
        let sizes = [7, 4, 9];
        for order in [StreamOrder::Shuffled, StreamOrder::Natural, StreamOrder::ByLabel] {
            let plan = planned(&sizes, order, 4, 1);
            assert_eq!(plan.len(), total_batches(&data(&sizes), 4));
            let ends: Vec<bool> = plan.iter().map(|batch| batch.ends_shift).collect();
            assert_eq!(ends, [false, true, true, false, false, true]);
            let mut all = rows(&plan);
            for range in [0..7, 7..11, 11..20] {
                let mut own: Vec<usize> = all.drain(..range.len()).collect();
                assert_eq!(own.is_sorted(), order == StreamOrder::Natural);
                own.sort_unstable();
                assert_eq!(own, range.collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_stream_by_label_shows_class_after_class() {
        let order = |key| rows(&planned(&[30], StreamOrder::ByLabel, 8, key));
        let found: Vec<usize> = order(1).iter().map(|row| row % 3).collect();
        assert!(found.is_sorted(), "{found:?}");
        assert_ne!(order(1), order(2));
        let mut blind = data(&[6]);
        blind.target = blind.target.without_targets();
        let error = plan(&blind, StreamOrder::ByLabel, 2, Key::new(1)).err().unwrap();
        assert!(error.to_string().contains("needs labels of the target"), "{error}");
    }
}
