//! Records of runs, and the tables that compare them.
//!
//! [`record`] writes and reads one directory a run; [`table`] brings many records into one tidy
//! polars frame; [`mod@compare`] turns it into means and their spread; [`validators`] says which
//! validator chose well, [`methods`] what each method is worth by it; [`output`] shows these on a
//! terminal, as CSV, Parquet, Markdown or LaTeX; [`page`] makes a page of them.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod compare;
pub mod error;
pub mod methods;
pub mod output;
pub mod page;
pub mod record;
pub mod statistics;
pub mod table;
pub mod validators;
mod words;

pub use compare::{
    Baseline, CompareOptions, Comparison, Dimension, Filter, PairedTest, Selection, Selections,
    Spread, compare,
};
pub use error::{CompareError, PageError, RecordError};
pub use methods::{Cost, MethodRow, MethodTable, method_tables};
pub use output::{
    Destination, Format, PredictedSamples, TerminalOptions, runs_csv, write_bytes, write_text,
};
pub use page::ResultsPage;
pub use record::{Event, Prediction, Record, RecordHeader, RecordWriter, Rounds, read_records};
pub use validators::{ValidatorOptions, ValidatorTables, judge_validators};
