//! What is to be run, without reading the data or asking for the device.

use std::path::PathBuf;

use isthmus_core::spec::Job;
use isthmus_data::{Dataset, Roots};
use isthmus_engine::weights;
use isthmus_experiment::Halving;
use isthmus_results::RecordHeader;

use crate::device;
use crate::error::RunError;
use crate::jobs::{PlannedJob, all_jobs};
use crate::plan::Fingerprints;
use crate::prepared::{Source, jobs_of_round};
use crate::weights_from::{Settled, settle};

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
    /// If the data, or a record that weights are taken from, is not to be had.
    pub fn new(source: &Source<'_>, results: PathBuf) -> Result<Self, RunError> {
        let Settled { mut experiment, sweep, .. } =
            settle(source.experiment.clone(), source.sweep)?;
        device::kind_of(&experiment.device).clone_into(&mut experiment.device);
        let roots = Roots::discover(Some(source.path));
        let data = Dataset::identify(&experiment.data, &roots)?;
        let weights = weights(&experiment.extractor);
        let fingerprints = Fingerprints::new(&experiment, &data, weights.as_deref());
        let planned = all_jobs(sweep.as_ref(), &experiment);
        let halving = sweep.and_then(|sweep| sweep.halving);
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
    pub fn jobs_of(&self, place: usize) -> Result<Vec<(Job, RecordHeader)>, RunError> {
        let Self { results, planned, halving, fingerprints, .. } = self;
        jobs_of_round(planned, halving.as_ref(), fingerprints, results, place)
    }
}
