//! Drives a stage: batches, steps, evaluation; optimizers and schedules.
//!
//! The engine knows the contracts of `isthmus-core` and no plugin by name.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answers;
mod batches;
mod build;
mod checkpoint;
mod data;
mod error;
mod evaluation;
mod fit;
mod job;
mod observer;
pub mod optimizers;
mod recorded;
mod sampler;
pub mod schedules;
mod selection;
mod stage;
mod stream;
mod stream_plan;

pub use build::{
    StageMethod, TrainingMethods, build_extractor, build_method, build_model, build_objective,
    build_updater, weights,
};
pub use checkpoint::start_of;
pub use data::JobData;
pub use error::EngineError;
pub use evaluation::{extract, predict};
pub use fit::run_fit;
pub use job::{JobOutcome, fits_once, is_stream, run_job, start_with, uses_target_labels};
pub use observer::{Next, Observer, Silent};
pub use recorded::RecordedRun;
pub use sampler::Sampler;
pub use selection::Selection;
pub use stage::{StageOutcome, StageSetup, run_stage};
