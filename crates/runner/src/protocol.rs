//! What the processes of a run say to each other: one JSON object a line.

use isthmus_core::metric::Measurement;
use serde::{Deserialize, Serialize};

use crate::single::Ending;

/// What a process that runs jobs is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// To run the job of this id.
    Run(String),
    /// To end at the next step with a checkpoint.
    Stop,
}

/// What a process that runs jobs says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkerMessage {
    /// Its data is loaded; it takes orders.
    Ready,
    /// So many steps of its job are done.
    Step {
        /// The number of steps, of all stages together.
        step: usize,
        /// What was measured last.
        text: String,
    },
    /// Its job's model was evaluated.
    Evaluated {
        /// The number of steps, of all stages together.
        step: usize,
        /// What was measured.
        metrics: Vec<Measurement>,
    },
    /// Its job ended.
    Ended(Ending),
    /// Its job failed.
    Failed(String),
}
