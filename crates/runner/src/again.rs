//! A recorded job, run once more.

use std::path::{Path, PathBuf};
use std::time::Duration;

use isthmus_core::spec::Experiment;
use isthmus_data::Roots;
use isthmus_results::record::RunInfo;

use crate::error::RunError;
use crate::interrupt::Interrupt;
use crate::jobs::planned_steps;
use crate::prepared::{Options, Prepared};
use crate::progress::{Bar, Progress};
use crate::watch::Watch;

/// Runs the only job of `experiment` again in the folder `results`, where the run `recorded` is
/// repeated, on the data found below `roots`; returns the folder of its record.
///
/// # Errors
/// If its data is not to be had or is not what it was, or it fails.
pub fn again(
    experiment: Experiment,
    recorded: &RunInfo,
    threads: usize,
    roots: &Roots,
    results: &Path,
    progress: &dyn Progress,
) -> Result<PathBuf, RunError> {
    let options = Options {
        results: results.to_owned(),
        jobs: Some(1),
        threads: Some(threads),
        checkpoint_every: Duration::MAX,
        methods: Vec::new(),
        round: None,
    };
    let mut prepared = Prepared::of(experiment, None, roots, options, Interrupt::default())?;
    prepared.enter(0)?;
    let fingerprint = prepared.jobs[0].1.run.data_fingerprint.clone();
    if fingerprint != recorded.data_fingerprint {
        return Err(RunError::input(
            format!(
                "the data is not what the run was made with: its fingerprint is {fingerprint}, the \
                 record's is {}",
                recorded.data_fingerprint
            ),
            "the run can be reproduced where the same files, weights and data set descriptor are",
        ));
    }
    prepared.load(progress)?;
    let (job, header) = &mut prepared.jobs[0];
    // A sweep's values and the place in the file are told by the record alone.
    header.run = RunInfo { id: header.run.id.clone(), ..recorded.clone() };
    let bar = progress.bar(&job.method.label, "steps", planned_steps(job));
    let (job, header) = &prepared.jobs[0];
    prepared.run(job, header, &Steps(&*bar))?;
    bar.finish();
    Ok(prepared.directory(header))
}

/// The steps of a job on a bar.
struct Steps<'a>(&'a dyn Bar);

impl Watch for Steps<'_> {
    fn at(&self, step: usize) {
        self.0.at(step);
    }

    fn message(&self, text: String) {
        self.0.message(text);
    }
}
