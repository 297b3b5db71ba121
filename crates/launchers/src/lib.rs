//! Launchers: who starts the runs of an experiment. [`Local`] runs them in this program,
//! [`Slurm`] hands them to a cluster as job arrays.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod local;
mod slurm;

pub use local::Local;
pub use slurm::Slurm;
