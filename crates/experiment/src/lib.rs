//! Experiment files: TOML text to a checked experiment, its sweep's variants, and what editors and
//! `explain` show of the form.
//!
//! What a checked experiment is made of is in [`isthmus_core::spec`]; here is who reads and refuses
//! it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod check;
mod data;
mod datasets;
mod diagnostics;
mod document;
mod fields;
mod json_schema;
mod methods;
mod parse;
mod plugin;
mod plugin_lists;
mod raw;
mod raw_sweep;
mod schema;
mod selection;
mod shape;
mod streams;
mod suggest;
mod sweep;
mod table;
mod training;
mod tree;
mod views;
mod wording;

pub use check::is_device;
pub use datasets::{DatasetInfo, Datasets, DomainInfo};
pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use document::{OverrideError, span_of, with_overrides};
pub use fields::{Field, FileTable, description, example, fields, file_tables};
pub use json_schema::json_schema;
pub use parse::{Checked, parse};
pub use plugin::{checked_again, default_config};
pub use suggest::did_you_mean;
pub use sweep::{Competitors, Halving, Sweep, Variant};

#[cfg(test)]
mod tests;
