//! Records of runs, and the tables that compare them.
//!
//! [`record`] writes and reads one directory a run; [`table`] brings many records into one tidy
//! polars frame; [`mod@compare`] turns it into means and standard deviations; [`output`] shows these
//! on a terminal, as CSV, Markdown or LaTeX.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod compare;
pub mod error;
pub mod output;
pub mod record;
pub mod table;

pub use compare::{CompareOptions, Comparison, Dimension, compare};
pub use error::{CompareError, RecordError};
pub use output::{Destination, Format, TerminalOptions, write_bytes, write_text};
pub use record::{Event, Prediction, Record, RecordHeader, RecordWriter, read_records};
