//! `isthmus run`: from a checked experiment to records and a table.
//!
//! [`plan`] loads the data and settles what each job runs on, [`features`] puts the features of
//! a frozen extractor in the images' place, [`workers`] runs jobs side by side, [`recorder`]
//! writes down what happens in one, [`table`] shows what came of all.

mod device;
mod execute;
mod failed;
mod features;
mod log;
mod plan;
mod progress;
mod recorder;
mod table;
mod workers;

pub use execute::run;
pub use log::RecordLog;
