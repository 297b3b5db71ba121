//! `isthmus run`: shows a run on the terminal, from a checked file to the table.
//!
//! The runs themselves are in `isthmus-runner`. [`execute`] asks it for them, [`display`] shows how
//! far they are: by bars or lines ([`progress`]), or on the whole terminal ([`tui`], which draws
//! [`live`] by [`view`]); [`tracking`] tells others. [`table`] shows what came of all.

mod display;
mod execute;
mod keys;
mod live;
mod progress;
mod screen;
mod table;
mod tracking;
mod tui;
mod view;

pub use execute::{options, run, run_quietly};
pub use progress::Progress;

use burn::tensor::Device;
use isthmus_runner::{Interrupt, Prepared, choose_device};

use crate::args::{OutputArguments, RunArguments};
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;

/// The device of a name that the checker let through: `cpu`, `gpu` or `gpu:N`.
///
/// # Errors
/// If this program was built without the backend.
pub fn device(name: &str) -> Result<Device, Failure> {
    Ok(choose_device(name)?.device)
}

/// Runs the jobs that another process orders.
///
/// # Errors
/// If the data or the device is not to be had, or the other process has gone.
pub fn work(
    file: &ExperimentFile,
    arguments: &RunArguments,
    output: OutputArguments,
) -> Result<(), Failure> {
    let interrupt = Interrupt::on_signals_of_worker()
        .map_err(|error| Failure::Work(format!("cannot listen to signals: {error}")))?;
    let prepared = Prepared::new(&file.source(), options(arguments), interrupt);
    let mut prepared = prepared.map_err(|error| file.failed(error))?;
    prepared.load(&Progress::new(output.quiet))?;
    Ok(isthmus_runner::work(&prepared)?)
}
