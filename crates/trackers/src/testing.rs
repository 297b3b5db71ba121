//! A run for the tests of trackers.

use isthmus_core::tracker::TrackedRun;
use serde_json::json;

/// A run of a seed.
pub(crate) fn run(seed: u64) -> TrackedRun {
    TrackedRun {
        id: format!("{seed:016x}"),
        experiment: "digits".to_owned(),
        method: "dann + mcc".to_owned(),
        task: "a/b -> c".to_owned(),
        seed,
        job: json!({ "seed": seed, "training": { "lr": 0.01 }, "list": [{ "name": "x" }] }),
    }
}
