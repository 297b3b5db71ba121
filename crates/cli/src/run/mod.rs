//! `isthmus run`: from a checked experiment to records and a table.
//!
//! [`plan`] loads the data and settles what each job runs on, [`features`] puts the features of
//! a frozen extractor in the images' place, [`prepared`] has it all together; [`outline`] has what
//! is to be run, without data and device. [`execute`] runs the
//! jobs, in this process or on several ([`pool`], [`worker`]); [`single`] runs one, [`recorder`]
//! writes down what happens in it, [`jobs`] says which jobs a sweep asks for and [`halving`] which of
//! them go on, [`sharing`] finds stages that another job trained already, and
//! [`table`] shows what came of all.

mod device;
mod display;
mod execute;
mod failed;
mod features;
mod halving;
mod interrupt;
mod jobs;
mod keys;
mod live;
mod log;
mod outline;
mod outputs;
mod part;
mod plan;
mod pool;
mod prepared;
mod progress;
mod protocol;
mod recorder;
mod screen;
mod sharing;
mod shown;
mod single;
mod splits;
mod table;
mod theory;
mod tui;
mod view;
mod watch;
mod worker;
mod workers;

pub use execute::{name_of, run};
pub use halving::number_of_jobs;
pub use interrupt::{INTERRUPTED, Interrupt};
pub use jobs::all_jobs;
pub use log::RecordLog;
pub use outline::Outline;
pub use part::range;
pub use plan::with_transform;
pub use prepared::Prepared;
pub use progress::Progress;

use std::path::{Path, PathBuf};
use std::time::Duration;

use isthmus_core::spec::Experiment;
use isthmus_data::Roots;
use isthmus_results::record::RunInfo;

use crate::args::{OutputArguments, RunArguments};
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;

/// Runs the jobs that another process orders.
///
/// # Errors
/// If the data or the device is not to be had, or the other process has gone.
pub fn work(
    file: &ExperimentFile,
    arguments: &RunArguments,
    output: OutputArguments,
) -> Result<(), Failure> {
    let interrupt = interrupt::Interrupt::on_signals_of_worker()
        .map_err(|error| Failure::Work(format!("cannot listen to signals: {error}")))?;
    let mut prepared = prepared::Prepared::new(file, arguments, interrupt)?;
    prepared.load(&progress::Progress::new(output.quiet))?;
    worker::work(&prepared)
}

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
    output: OutputArguments,
) -> Result<PathBuf, Failure> {
    let options = prepared::Options {
        results: results.to_owned(),
        jobs: Some(1),
        threads: Some(threads),
        checkpoint_every: Duration::MAX,
    };
    let interrupt = interrupt::Interrupt::default();
    let prepared = prepared::Prepared::of(experiment, None, roots, options, interrupt);
    let mut prepared = prepared.map_err(|error| match error {
        prepared::NotPrepared::Data(error) => Failure::input(error.to_string()),
        prepared::NotPrepared::Device(failure) => failure,
    })?;
    prepared.enter(0)?;
    let fingerprint = prepared.jobs[0].1.run.data_fingerprint.clone();
    if fingerprint != recorded.data_fingerprint {
        return Err(Failure::input_with(
            format!(
                "the data is not what the run was made with: its fingerprint is {fingerprint}, the \
                 record's is {}",
                recorded.data_fingerprint
            ),
            "the run can be reproduced where the same files, weights and data set descriptor are",
        ));
    }
    let progress = progress::Progress::new(output.quiet);
    prepared.load(&progress)?;
    let (job, header) = &mut prepared.jobs[0];
    // A sweep's values and the place in the file are told by the record alone.
    header.run = RunInfo { id: header.run.id.clone(), ..recorded.clone() };
    let bar = progress.bar(&job.method.label, "steps", jobs::planned_steps(job));
    let (job, header) = &prepared.jobs[0];
    prepared.run(job, header, &bar).map_err(|error| Failure::Work(error.to_string()))?;
    bar.finish();
    Ok(prepared.directory(header))
}
