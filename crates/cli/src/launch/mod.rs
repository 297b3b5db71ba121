//! Who starts the runs of an experiment: a launcher, which is a plugin, and what is the same for
//! all of them.
//!
//! [`start`] lets the launcher do it; [`tasks`] shares the runs out among the tasks of job arrays,
//! [`ledger`] notes what was handed over, [`status`] and [`cancel`] look it up again.

mod cancel;
mod ledger;
mod start;
mod status;
mod tasks;
#[cfg(test)]
mod tests;

pub use cancel::cancel;
pub use start::start;
pub use status::status;
