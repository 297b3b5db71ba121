//! Runs experiments: from a checked experiment to the records of its jobs.
//!
//! `plan` loads the data and settles what each job runs on, `features` puts the features of a
//! frozen extractor in the images' place, `prepared` has it all together; `outline` has what is
//! to be run, without data and device. `turns` runs the jobs, in this process or on several
//! (`pool`, `worker`); `single` runs one, `recorder` writes down what happens in it, `jobs`
//! says which jobs a sweep asks for and `halving` which of them go on, `sharing` finds stages that
//! another job trained already; `weights_from` reads the records that extractors take weights from.
//!
//! Nothing here reads a command line or draws on a terminal: who wants to show what happens is told
//! ([`Progress`], [`Watch`], [`Listener`]).
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod again;
mod device;
mod error;
mod failed;
mod features;
mod frozen;
mod halving;
mod interrupt;
mod jobs;
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
mod sharing;
mod shown;
mod single;
mod splits;
mod theory;
mod transforms;
mod turns;
mod watch;
mod weights_from;
mod worker;
mod workers;

#[cfg(test)]
mod testing;

pub use again::again;
pub use device::{ResolvedDevice, choose as choose_device};
pub use error::RunError;
pub use failed::JobError;
pub use frozen::RecordedInputs;
pub use halving::number_of_jobs;
pub use interrupt::{INTERRUPTED, Interrupt};
pub use jobs::{PlannedJob, all_jobs, name_of, planned_steps};
pub use log::RecordLog;
pub use outline::Outline;
pub use part::{Part, range, selected};
pub use plan::with_transform;
pub use pool::{Listener, Outcome};
pub use prepared::{Options, Prepared, Source};
pub use progress::{Bar, Progress};
pub use protocol::WorkerMessage;
pub use single::Ending;
pub use turns::{Processes, record_crashes, run_jobs};
pub use watch::Watch;
pub use weights_from::{Settled, TakenWeights, WeightsFromError, find_again, settle};
pub use worker::work;
