//! The jobs of a round, in this process or on several.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use isthmus_results::record::record_failure;

use crate::error::RunError;
use crate::pool::{self, Listener, Outcome};
use crate::prepared::Prepared;
use crate::workers::WorkerPanic;

/// The processes that jobs run on.
pub enum Processes<'a> {
    /// This one, one job after the other.
    This,
    /// Others that this command makes, as many as [`Prepared::workers`].
    Others(&'a dyn Fn() -> Command),
}

/// Runs the jobs at the places `pending` and says how each came out.
///
/// # Errors
/// If no process can be started.
pub fn run_jobs(
    prepared: &Prepared,
    pending: &[usize],
    processes: &Processes<'_>,
    listener: &mut dyn Listener,
) -> Result<Vec<Outcome>, RunError> {
    let Processes::Others(command) = processes else {
        return Ok(in_turn(prepared, pending, listener));
    };
    let ids: Vec<String> =
        pending.iter().map(|&index| prepared.jobs[index].1.run.id.clone()).collect();
    pool::run(&ids, prepared.workers, command, &prepared.setting.interrupt, listener)
        .map_err(|source| RunError::Processes { action: "cannot run jobs side by side", source })
}

/// Runs the jobs one after the other in this process.
fn in_turn(prepared: &Prepared, pending: &[usize], listener: &mut dyn Listener) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (number, &index) in pending.iter().enumerate() {
        if prepared.setting.interrupt.asked() {
            outcomes.push(Outcome::NotBegun);
            continue;
        }
        listener.began(number);
        let (job, header) = &prepared.jobs[index];
        let watch = listener.watch(number);
        let outcome = match catch_unwind(AssertUnwindSafe(|| prepared.run(job, header, watch))) {
            Ok(Ok(ending)) => Outcome::Ended(ending),
            Ok(Err(error)) => Outcome::Failed(error.to_string()),
            Err(panic) => Outcome::Crashed(WorkerPanic::from_payload(&*panic).to_string()),
        };
        listener.came_out(number, &outcome);
        outcomes.push(outcome);
    }
    outcomes
}

/// Tells the records of jobs that crashed why they did.
pub fn record_crashes(prepared: &Prepared, pending: &[usize], outcomes: &[Outcome]) {
    for (&index, outcome) in pending.iter().zip(outcomes) {
        if let Outcome::Crashed(cause) = outcome {
            let run = &prepared.jobs[index].1.run;
            if let Err(error) =
                record_failure(&prepared.setting.results, &run.experiment, &run.id, cause)
            {
                tracing::warn!(%error, run = run.id, "the cause of a crash could not be recorded");
            }
        }
    }
}
