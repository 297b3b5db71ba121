//! `isthmus run`: from a checked experiment to records and a table.
//!
//! [`plan`] loads the data and settles what each job runs on, [`features`] puts the features of
//! a frozen extractor in the images' place, [`prepared`] has it all together. [`execute`] runs the
//! jobs, in this process or on several ([`pool`], [`worker`]); [`single`] runs one, [`recorder`]
//! writes down what happens in it, [`sharing`] finds stages that another job trained already, and
//! [`table`] shows what came of all.

mod device;
mod execute;
mod failed;
mod features;
mod interrupt;
mod log;
mod plan;
mod pool;
mod prepared;
mod progress;
mod protocol;
mod recorder;
mod sharing;
mod single;
mod splits;
mod table;
mod watch;
mod worker;
mod workers;

pub use execute::run;
pub use interrupt::INTERRUPTED;
pub use log::RecordLog;

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
    let interrupt = interrupt::Interrupt::on_signals()
        .map_err(|error| Failure::Work(format!("cannot listen to signals: {error}")))?;
    let mut prepared = prepared::Prepared::new(file, arguments, interrupt)?;
    prepared.load(&progress::Progress::new(output.quiet))?;
    worker::work(&prepared)
}
