//! What is to be run, without reading the data or asking for the device.

use std::path::PathBuf;

use isthmus_core::error::DataError;
use isthmus_core::spec::{Halving, Job};
use isthmus_data::{Dataset, Roots};
use isthmus_results::RecordHeader;

use super::device;
use super::jobs::{PlannedJob, all_jobs};
use super::plan::{self, Fingerprints};
use super::prepared::jobs_of_round;
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;

/// The jobs of an experiment.
pub struct Outline {
    /// Name of the experiment.
    pub name: String,
    results: PathBuf,
    planned: Vec<PlannedJob>,
    halving: Option<Halving>,
    fingerprints: Fingerprints,
}

impl Outline {
    /// The jobs of a file whose records are in the folder `results`. Data that has not changed
    /// since it was last read is not read.
    ///
    /// # Errors
    /// If the data is not to be had.
    pub fn new(file: &ExperimentFile, results: PathBuf) -> Result<Self, Failure> {
        let mut experiment = plan::with_transform(file.experiment.clone());
        device::kind_of(&experiment.device).clone_into(&mut experiment.device);
        let roots = Roots::discover(Some(&file.path));
        let data = Dataset::identify(&experiment.data, &roots).map_err(|error| match error {
            DataError::Mismatch(message) => file.problem_at("data.tasks", message),
            other => Failure::input(other.to_string()),
        })?;
        let weights = plan::weights(&experiment.extractor);
        let fingerprints = Fingerprints::new(&experiment, &data, weights.as_deref());
        let planned = all_jobs(file.sweep.as_ref(), &experiment);
        let halving = file.sweep.as_ref().and_then(|sweep| sweep.halving.clone());
        Ok(Self { name: experiment.name, results, planned, halving, fingerprints })
    }

    /// Number of rounds; 1 without successive halving.
    pub fn rounds(&self) -> usize {
        self.halving.as_ref().map_or(1, |halving| halving.rounds.len())
    }

    /// The jobs of a round with their records' headers.
    ///
    /// # Errors
    /// If the round before is not finished, or its records cannot be read.
    pub fn jobs_of(&self, place: usize) -> Result<Vec<(Job, RecordHeader)>, Failure> {
        let Self { results, planned, halving, fingerprints, .. } = self;
        jobs_of_round(planned, halving.as_ref(), fingerprints, results, place)
    }
}
