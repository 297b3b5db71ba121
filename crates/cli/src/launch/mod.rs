//! Who starts the runs of an experiment: this process, or Slurm.
//!
//! [`tasks`] shares the runs out among the tasks of job arrays, [`script`] writes what a task
//! does, [`slurm`] talks to the cluster, [`ledger`] notes what was handed to it, [`status`] and
//! [`cancel`] look it up again.

mod cancel;
mod ledger;
mod script;
mod slurm;
mod status;
mod submit;
mod tasks;

use isthmus_core::spec::Launcher;

pub use cancel::cancel;
pub use status::status;

use crate::args::{OutputArguments, RunArguments};
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;

/// Starts the runs of an experiment as its launcher does it.
///
/// # Errors
/// If the runs cannot be started, or the launcher is this process and one fails.
pub fn start(
    file: &ExperimentFile,
    arguments: &RunArguments,
    output: OutputArguments,
) -> Result<(), Failure> {
    match file.experiment.launcher.name {
        Launcher::Local => crate::run::run(file, arguments, output),
        Launcher::Slurm => submit::submit(file, arguments),
    }
}
