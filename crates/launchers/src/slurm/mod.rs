//! Runs through Slurm, the queue of most clusters: [`commands`] talks to it, [`script`] writes
//! what its tasks do.

mod commands;
mod launcher;
mod script;

pub use launcher::Slurm;
