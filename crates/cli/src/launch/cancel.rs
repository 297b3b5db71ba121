//! `isthmus cancel`.

use isthmus_results::{Destination, write_text};

use super::ledger::Ledger;
use crate::args::RunsArguments;
use crate::experiment_file::ExperimentFile;
use crate::failure::Failure;

/// Cancels what a launcher handed over. What was finished stays, and the rest can be run again.
///
/// # Errors
/// If nothing was handed over, or cancelling is refused.
pub fn cancel(arguments: &RunsArguments) -> Result<(), Failure> {
    let file = ExperimentFile::load(&arguments.experiment, arguments.device.as_deref())?;
    let path = Ledger::path(&arguments.results, &file.experiment.name);
    let Some(mut ledger) = Ledger::read(&path)? else {
        return Err(Failure::input_with(
            format!("{} is not there: no runs were handed to a cluster", path.display()),
            "runs of this machine are ended with Ctrl-C",
        ));
    };
    let ids = ledger.ids();
    let launcher = ledger.launcher(&path)?;
    let queued = launcher.queue(&ids)?;
    if !queued.is_empty() {
        launcher.cancel(&ids)?;
    }
    ledger.cancelled = true;
    ledger.write(&path)?;
    let text = match queued.len() {
        0 => "nothing of it is in the queue any more\n".to_owned(),
        tasks => format!(
            "cancelled job {}: {tasks} tasks were waiting or running; what is finished stays\n",
            ids.join(", ")
        ),
    };
    write_text(&Destination::StandardOutput, &text)
        .map_err(|error| Failure::Work(error.to_string()))
}
