//! How a job's samples were split, for its record.

use std::collections::BTreeSet;
use std::sync::Arc;

use isthmus_core::dataset::{Domain, LabelledSource};
use isthmus_core::error::DataError;
use isthmus_core::random::Key;
use isthmus_core::spec::{Job, Protocol};
use isthmus_core::stage::SampleView;
use isthmus_data::{Dataset, DomainUse, FeatureSource, LoadedSet};
use serde::Serialize;

use crate::plan::{Domains, job_data};

/// What `splits.json` holds.
#[derive(Debug, Serialize)]
pub struct Splits {
    protocol: Protocol,
    /// With the domain's name, it decides which samples were held out.
    seed: u64,
    validation_share: Option<f64>,
    domains: Vec<Parts>,
}

#[derive(Debug, Serialize)]
struct Parts {
    domain: String,
    role: &'static str,
    train: usize,
    validation: usize,
    test: usize,
    rows: Rows,
}

/// Positions of the samples among those of the domain, from 0, in the order in which its reader
/// yields them: ranges such as `0-99,104`. Where the domain has a training and a test set of its
/// own, positions are within each under the protocol `given`; under others the test set follows
/// the training set.
#[derive(Debug, Serialize)]
struct Rows {
    /// `rest` for all positions that are neither validated nor tested on.
    train: String,
    validation: String,
    test: String,
}

/// The splits of a job on a data set: worked out as those of its samples are, with each sample's
/// position in the place of its values.
///
/// # Errors
/// If a domain cannot be split.
pub fn of(job: &Job, dataset: &Dataset) -> Result<Splits, DataError> {
    let marked = dataset.map_sets(|_, set| {
        let samples = set.source.samples.rows();
        let values: Vec<f32> = (0..samples).flat_map(mark).collect();
        let samples = Arc::new(FeatureSource::new(2, values));
        let source = LabelledSource { samples, ..set.source.clone() };
        Ok::<_, DataError>(LoadedSet { source, ..set.clone() })
    })?;
    let domains = |used_as| marked.domains(job.data.protocol, used_as, &Key::new(job.seed));
    let domains =
        Domains { sources: domains(DomainUse::Source)?, targets: domains(DomainUse::Target)? };
    let data = job_data(job, dataset, &domains)?;
    let mut parts = Vec::new();
    for domain in &data.sources {
        parts.push(parts_of("source", domain)?);
    }
    match data.shifts.as_slice() {
        [] => parts.push(parts_of("target", &data.target)?),
        shifts => {
            for domain in shifts {
                parts.push(parts_of("target", domain)?);
            }
        }
    }
    Ok(Splits {
        protocol: job.data.protocol,
        seed: job.seed,
        validation_share: job.selection.as_ref().map(|selection| selection.validation_share),
        domains: parts,
    })
}

/// A position in two numbers, each of which an `f32` holds exactly.
fn mark(position: usize) -> [f32; 2] {
    const PART: usize = 1 << 20;
    [(position / PART) as f32, (position % PART) as f32]
}

fn positions(set: &LabelledSource) -> Result<Vec<usize>, DataError> {
    let all: Vec<usize> = (0..set.samples.rows()).collect();
    let marks = set.samples.values(&all, SampleView::Plain)?;
    let position = |mark: &[f32]| ((mark[0] as usize) << 20) + mark[1] as usize;
    Ok(marks.rows(2).into_iter().map(position).collect())
}

fn parts_of(role: &'static str, domain: &Domain) -> Result<Parts, DataError> {
    let train = positions(&domain.train)?;
    let validation = domain.validation.as_ref().map(positions).transpose()?.unwrap_or_default();
    let test = positions(&domain.test)?;
    let held_out: BTreeSet<usize> = validation.iter().chain(&test).copied().collect();
    let all = train.len() + held_out.len();
    // Without gaps, the training samples are what the others leave.
    let is_rest = !held_out.is_empty()
        && !train.iter().any(|position| held_out.contains(position))
        && train.iter().chain(&held_out).all(|position| *position < all);
    Ok(Parts {
        domain: domain.name.clone(),
        role,
        train: train.len(),
        validation: validation.len(),
        test: test.len(),
        rows: Rows {
            train: if is_rest { "rest".to_owned() } else { ranges(train) },
            validation: ranges(validation),
            test: ranges(test),
        },
    })
}

/// `0-3,7,9-10`.
fn ranges(mut positions: Vec<usize>) -> String {
    positions.sort_unstable();
    let runs = positions.chunk_by(|before, after| before + 1 == *after);
    let text = |run: &[usize]| match run {
        [] => String::new(),
        [one] => one.to_string(),
        [first, .., last] => format!("{first}-{last}"),
    };
    runs.map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_written_as_ranges_and_marks_hold_large_ones() {
        assert_eq!(ranges(vec![9, 0, 1, 2, 7, 10]), "0-2,7,9-10");
        assert_eq!(ranges(Vec::new()), "");
        let set = |position: usize| LabelledSource {
            samples: Arc::new(FeatureSource::new(2, mark(position).to_vec())),
            targets: vec![0].into(),
        };
        for position in [0, 1, (1 << 20) - 1, 1 << 20, 123_456_789_012] {
            assert_eq!(positions(&set(position)).unwrap(), [position]);
        }
    }
}
