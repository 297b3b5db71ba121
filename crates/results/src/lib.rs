//! Records of runs, and the tables that compare them.
//!
//! [`record`] writes and reads one directory a run; [`table`] brings many records into one tidy
//! polars frame; [`mod@compare`] turns it into means and their spread; [`validators`] says which
//! validator chose well; [`output`] shows these on a terminal, as CSV, Parquet, Markdown or LaTeX.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod compare;
pub mod error;
pub mod output;
pub mod record;
pub mod statistics;
pub mod table;
pub mod validators;
mod words;

pub use compare::{
    Baseline, CompareOptions, Comparison, Dimension, Filter, PairedTest, Selection, Selections,
    Spread, compare,
};
pub use error::{CompareError, RecordError};
pub use output::{
    Destination, Format, PredictedSamples, TerminalOptions, runs_csv, write_bytes, write_text,
};
pub use record::{Event, Prediction, Record, RecordHeader, RecordWriter, Rounds, read_records};
pub use validators::{ValidatorOptions, ValidatorTables, judge_validators};
