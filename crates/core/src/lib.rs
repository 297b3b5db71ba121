//! The contracts of isthmus.
//!
//! Everything that plugs into an experiment is described here: networks, methods, readers,
//! optimizers, schedules and launchers are traits, implemented in other crates; the registry finds
//! them by name. What is the same for all of them is here too: the step that terms and drivers
//! share, updates, randomness, and the specification, which turns a TOML file into a checked
//! experiment.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod augmentation;
pub mod batch;
pub mod checkpoint;
pub mod config;
pub mod context;
pub mod corruption;
pub mod dataset;
pub mod error;
pub mod export;
pub mod feature_transform;
pub mod file_tensors;
pub mod input;
pub mod joint;
pub mod launcher;
pub mod layer;
pub mod method;
pub mod metric;
pub mod model;
pub mod moments;
pub mod named_tensor;
pub mod network;
pub mod objective;
pub mod optimizer;
pub mod parameter;
pub mod parts;
pub mod predictor;
pub mod prelude;
pub mod random;
pub mod registry;
pub mod rows_of;
pub mod sample_check;
pub mod sample_values;
pub mod shallow;
pub mod snapshot;
pub mod spec;
pub mod stage;
pub mod states;
pub mod step;
pub mod targets;
pub mod terms;
pub mod test_time;
pub mod tracker;
pub mod updater;
pub mod validation;

pub use inventory;
