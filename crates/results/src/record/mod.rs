//! Records: one directory a run, `<results>/<experiment>/<run id>/`.
//!
//! ```text
//! job.json           the resolved job, what was run on which data by which version
//! environment.json   machine, started and finished times
//! events.jsonl       one event a line, with its time
//! metrics.csv        stage,step,metric,value
//! model.safetensors  the final checkpoint, where one was kept
//! predictions.csv    row,label,predicted,confidence of the target's test rows, where kept
//! model-<step>.safetensors  models that validators chose from evaluations of the last stage,
//!                    each once, and none that equals the final one
//! chosen.json        which validator chose which, and its file
//! task.json          what the model takes and which classes it tells apart
//! splits.json        how many samples were trained, validated and tested on, and which
//! outputs.safetensors  features, logits and labels of some samples, where asked for
//! feature-transforms.safetensors  what feature transforms fitted to the domains
//! outputs-before.safetensors  features and labels of these samples before the last stage
//! done               SHA-256 of the files that must be the same when the run is repeated
//! ```
//!
//! Times are in `environment.json` and `events.jsonl` alone: the same job on the same data writes
//! the other files again byte for byte. A run writes into `<run id>.partial`, which is renamed
//! when the record is complete: an earlier finished record stays until then. While it goes on it
//! holds `checkpoint.safetensors`, from which an interrupted run goes on.

mod begin;
mod checkpoint;
mod chosen;
mod difference;
mod environment;
mod events;
mod files;
mod find;
mod header;
mod index;
mod metrics;
mod model;
pub(crate) mod predictions;
mod reader;
mod rounds;
mod stages;
mod state;
mod task;
mod writer;

pub use begin::{Begun, record_failure};
pub use checkpoint::Reached;
pub use chosen::{Choice, Chosen};
pub use difference::{Difference, first_difference};
pub use environment::{Environment, EnvironmentFile};
pub use events::{Event, EventLog, TimedEvent};
pub use find::{RecordSet, RecordWarning, read_records};
pub(crate) use header::without_task_and_seed;
pub use header::{Position, RecordHeader, RunInfo};
pub(crate) use index::{TableRecord, read_for_tables};
pub use metrics::MetricRow;
pub(crate) use metrics::for_each as for_each_metric;
pub use model::encode_for_pytorch;
pub use predictions::Prediction;
pub(crate) use reader::read_job;
pub use reader::{Record, is_finished};
pub use rounds::Rounds;
pub use stages::{SharedStage, StageLock, StageStore};
pub use state::{RecordState, record_state};
pub use task::{FrozenInfo, TakenInfo, TaskInfo};
pub use writer::RecordWriter;

pub(crate) use files::write_atomically;

/// The file of a record that holds its metrics.
pub(crate) fn metrics_file(directory: &std::path::Path) -> std::path::PathBuf {
    directory.join(METRICS)
}

/// The events of the record in this folder.
pub(crate) fn read_events(
    directory: &std::path::Path,
) -> Result<Vec<TimedEvent>, crate::error::RecordError> {
    events::read(&directory.join(EVENTS))
}

const JOB: &str = "job.json";
const ENVIRONMENT: &str = "environment.json";
const EVENTS: &str = "events.jsonl";
const METRICS: &str = "metrics.csv";
const MODEL: &str = "model.safetensors";
const PREDICTIONS: &str = "predictions.csv";
const CHECKPOINT: &str = "checkpoint.safetensors";
const CHOSEN: &str = "chosen.json";
const FEATURE_TRANSFORMS: &str = "feature-transforms.safetensors";
const SPLITS: &str = "splits.json";
const TASK: &str = "task.json";
const OUTPUTS: &str = "outputs.safetensors";
const OUTPUTS_BEFORE: &str = "outputs-before.safetensors";
const PICTURES: &str = "pictures.safetensors";
const DONE: &str = "done";

/// Ends the name of a record's folder while it is written.
const PARTIAL: &str = "partial";
/// Ends the name of an earlier record's folder while the new one takes its place.
const REPLACED: &str = "replaced";

/// Version of the record's layout; raised when a reader of the old one would misread the new.
const FORMAT: u32 = 1;
