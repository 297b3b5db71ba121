//! The experiment specification: TOML text to a checked experiment to jobs.

mod check;
mod data;
mod diagnostics;
mod document;
mod experiment;
mod fields;
mod json_schema;
mod methods;
mod plugin;
mod raw;
mod raw_sweep;
mod selection;
mod shape;
mod streams;
mod suggest;
mod sweep;
mod task;
mod training;
mod transform;
mod tree;
mod views;
mod wording;

pub use check::{Checked, is_device, parse};
pub use data::{DatasetInfo, Datasets, DomainInfo};
pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use document::{OverrideError, span_of, with_overrides};
pub use experiment::{
    Align, ClassSets, DataSpec, Experiment, ExtractorSpec, GroupSpec, Job, MethodSpec, PluginSpec,
    Protocol, RecordSpec, SelectionSpec, StageSpec, TrainingSpec, ViewsSpec,
};
pub use fields::{Field, FileTable, description, example, fields, file_tables};
pub use json_schema::json_schema;
pub use plugin::{checked_again, default_config};
pub use suggest::did_you_mean;
pub use sweep::{Halving, Sweep, Variant};
pub use task::{CorruptionSpec, Shift, StreamOrder, Task};
pub use transform::{Interpolation, Transform};

#[cfg(test)]
mod tests;
