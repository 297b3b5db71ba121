//! Reading only some of a file's rows.

use std::collections::BTreeMap;

use isthmus_core::config::FieldProblem;
use isthmus_core::dataset::{LabelledSamples, Samples};
use isthmus_core::error::DataError;
use isthmus_core::random::Key;
use rand::seq::SliceRandom;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::splits::proportional_counts;

/// How the rows that are kept are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RowChoice {
    /// The first rows of the file.
    First,
    /// A random part of each class, in proportion to the class's share of the file.
    #[default]
    Stratified,
}

/// Keeps only some of a file's rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowLimit {
    /// Number of rows to keep, at least 1. They stay in the file's order.
    #[schemars(range(min = 1))]
    pub limit: usize,
    /// Which rows are kept.
    #[serde(default)]
    pub choose: RowChoice,
    /// Names the random choice: the same seed always keeps the same rows.
    #[serde(default)]
    pub seed: u64,
}

impl RowLimit {
    /// Checks the limit of a reader's `rows` field.
    pub(crate) fn check(rows: Option<&Self>) -> Result<(), FieldProblem> {
        match rows {
            Some(Self { limit: 0, .. }) => Err(FieldProblem {
                field: "rows".to_owned(),
                message: "`limit` is 0; expected at least 1".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// The rows that are kept, ascending.
    fn rows(&self, labels: &[u32]) -> Vec<usize> {
        if self.choose == RowChoice::First {
            return (0..self.limit).collect();
        }
        // By label, whatever the largest is: it is taken from a file.
        let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (row, &label) in labels.iter().enumerate() {
            members.entry(label).or_default().push(row);
        }
        let sizes: Vec<usize> = members.values().map(Vec::len).collect();
        let counts = proportional_counts(&sizes, self.limit);
        let key = Key::new(self.seed).named("rows");
        let mut kept = Vec::with_capacity(self.limit);
        for ((class, mut rows), count) in members.into_iter().zip(counts) {
            rows.shuffle(&mut key.at(u64::from(class)).rng());
            kept.extend_from_slice(&rows[..count]);
        }
        kept.sort_unstable();
        kept
    }

    /// The samples that are kept.
    ///
    /// # Errors
    /// If there are fewer than the limit.
    pub(crate) fn apply(
        rows: Option<&Self>,
        file: &str,
        samples: LabelledSamples,
    ) -> Result<LabelledSamples, DataError> {
        let Some(limit) = rows else { return Ok(samples) };
        let found = samples.targets.rows();
        if limit.limit > found {
            return Err(DataError::File {
                file: file.to_owned(),
                problem: format!(
                    "has {found} rows, `rows` asks for {}; lower `limit` or leave `rows` out",
                    limit.limit
                ),
            });
        }
        let kept = limit.rows(&samples.targets.strata());
        Ok(keep(samples, &kept))
    }
}

/// The given rows of the samples.
fn keep(samples: LabelledSamples, rows: &[usize]) -> LabelledSamples {
    fn take<T: Copy>(values: &[T], size: usize, rows: &[usize]) -> Vec<T> {
        // An outline has no values.
        let rows = if values.is_empty() { &[] } else { rows };
        rows.iter().flat_map(|&row| &values[row * size..(row + 1) * size]).copied().collect()
    }
    let targets = samples.targets.select(rows);
    let kept = match samples.samples {
        Samples::Features { size, values } => {
            Samples::Features { size, values: take(&values, size, rows) }
        }
        Samples::Images { channels, height, width, pixels } => Samples::Images {
            channels,
            height,
            width,
            pixels: take(&pixels, channels * height * width, rows),
        },
        Samples::Series { channels, length, values } => {
            Samples::Series { channels, length, values: take(&values, channels * length, rows) }
        }
        Samples::VariableSeries { channels, lengths, values } => {
            let mut ends = Vec::with_capacity(lengths.len());
            let mut end = 0;
            for length in &lengths {
                end += channels * length;
                ends.push(end);
            }
            let of = |&row: &usize| &values[ends[row] - channels * lengths[row]..ends[row]];
            Samples::VariableSeries {
                channels,
                values: rows.iter().flat_map(of).copied().collect(),
                lengths: rows.iter().map(|&row| lengths[row]).collect(),
            }
        }
        Samples::Texts(texts) => {
            Samples::Texts(rows.iter().filter_map(|&row| texts.get(row)).cloned().collect())
        }
        Samples::Encoded(images) => {
            Samples::Encoded(rows.iter().map(|&row| images[row].clone()).collect())
        }
    };
    LabelledSamples { samples: kept, targets, ..samples }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> LabelledSamples {
        let labels: Vec<u32> = (0..100).map(|row| u32::from(row % 4 == 0)).collect();
        let values = (0..200).map(|value| value as f32).collect();
        LabelledSamples::new(Samples::Features { size: 2, values }, labels)
    }

    fn kept(limit: &RowLimit) -> (Vec<f32>, Vec<u32>) {
        let kept = RowLimit::apply(Some(limit), "a", samples()).unwrap();
        match kept.samples {
            Samples::Features { values, .. } => (values, kept.targets.strata()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_rows_are_the_first() {
        let (values, labels) = kept(&RowLimit { limit: 2, choose: RowChoice::First, seed: 0 });
        assert_eq!(values, [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(labels, [1, 0]);
    }

    #[test]
    fn a_stratified_choice_keeps_shares_order_and_depends_on_the_seed() {
        let limit = RowLimit { limit: 40, choose: RowChoice::Stratified, seed: 1 };
        let (values, labels) = kept(&limit);
        assert_eq!(labels.iter().filter(|&&label| label == 1).count(), 10);
        assert_eq!(labels.len(), 40);
        assert!(values.chunks(2).is_sorted_by(|a, b| a[0] < b[0]));
        assert_eq!(kept(&limit).0, values);
        assert_ne!(kept(&RowLimit { seed: 2, ..limit }).0, values);
    }

    #[test]
    fn series_keep_their_lengths() {
        let values = (0..6).map(|value| value as f32).collect();
        let series = Samples::VariableSeries { channels: 1, lengths: vec![1, 3, 2], values };
        let kept = keep(LabelledSamples::new(series, vec![0, 1, 0]), &[1, 2]);
        let Samples::VariableSeries { lengths, values, .. } = kept.samples else { panic!() };
        assert_eq!((lengths, values), (vec![3, 2], vec![1.0, 2.0, 3.0, 4.0, 5.0]));
    }

    #[test]
    fn more_rows_than_there_are_is_an_error() {
        let limit = RowLimit { limit: 101, choose: RowChoice::First, seed: 0 };
        let error = RowLimit::apply(Some(&limit), "a", samples()).err().unwrap().to_string();
        assert!(error.contains("has 100 rows, `rows` asks for 101"), "{error}");
    }
}
