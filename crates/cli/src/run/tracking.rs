//! Who is told what runs measure: the experiment's trackers, and standard output with `--events`.

use std::sync::{Arc, Mutex, PoisonError};

use isthmus_core::metric::Measurement;
use isthmus_core::registry::{TrackerKind, builder};
use isthmus_core::spec::{Job, PluginSpec};
use isthmus_core::tracker::{TrackedEnd, TrackedRun, Tracker, TrackerError};
use isthmus_results::RecordHeader;
use isthmus_runner::{Ending, Outcome, Watch};
use serde_json::{Map, Value, json};

use super::progress::{Bar, Progress};
use crate::failure::Failure;

/// The trackers of a run of an experiment, shared between its jobs.
pub struct Tracking {
    trackers: Mutex<Vec<(String, Box<dyn Tracker>)>>,
    progress: Progress,
}

impl Tracking {
    /// The trackers that an experiment names, and a line a measurement on standard output where
    /// `events` asks for it.
    ///
    /// # Errors
    /// If one is not linked into this program.
    pub fn new(
        specs: &[PluginSpec],
        events: bool,
        progress: &Progress,
    ) -> Result<Arc<Self>, Failure> {
        let mut trackers: Vec<(String, Box<dyn Tracker>)> = Vec::new();
        for spec in specs {
            let build = builder::<TrackerKind>(&spec.name)
                .map_err(|error| Failure::input(error.to_string()))?;
            trackers.push((spec.name.clone(), build(&spec.config)));
        }
        if events {
            trackers.push(("--events".to_owned(), Box::new(EventLines)));
        }
        Ok(Arc::new(Self { trackers: Mutex::new(trackers), progress: progress.clone() }))
    }

    /// Tells all trackers; one that fails is left out from then on.
    fn tell(&self, what: impl Fn(&mut dyn Tracker) -> Result<(), TrackerError>) {
        let mut trackers = self.trackers.lock().unwrap_or_else(PoisonError::into_inner);
        trackers.retain_mut(|(name, tracker)| match what(&mut **tracker) {
            Ok(()) => true,
            Err(error) => {
                self.progress.line(&format!(
                    "warning: the tracker `{name}` is left out from here on: {error}"
                ));
                false
            }
        });
    }

    /// A job begins.
    pub fn began(self: &Arc<Self>, job: &Job, header: &RecordHeader, bar: Bar) -> TrackedJob {
        let run = &header.run;
        let run = TrackedRun {
            id: run.id.clone(),
            experiment: run.experiment.clone(),
            method: run.method.clone(),
            task: run.task.to_string(),
            seed: run.seed,
            job: serde_json::to_value(job).expect("a job is plain data"),
        };
        self.tell(|tracker| tracker.began(&run));
        TrackedJob { tracking: Arc::clone(self), run, bar }
    }
}

/// A job that is shown and tracked.
pub struct TrackedJob {
    tracking: Arc<Tracking>,
    run: TrackedRun,
    bar: Bar,
}

impl TrackedJob {
    /// The job came out.
    pub fn came_out(&self, outcome: &Outcome) {
        self.bar.finish();
        let end = match outcome {
            Outcome::Ended(Ending::Finished { .. }) => TrackedEnd::Finished,
            Outcome::Ended(Ending::Elsewhere | Ending::Interrupted) | Outcome::NotBegun => {
                TrackedEnd::Stopped
            }
            Outcome::Failed(_) | Outcome::Crashed(_) => TrackedEnd::Failed,
        };
        self.tracking.tell(|tracker| tracker.ended(&self.run, end));
    }
}

impl Watch for TrackedJob {
    fn at(&self, step: usize) {
        self.bar.at(step);
    }

    fn message(&self, text: String) {
        self.bar.message(text);
    }

    fn evaluated(&self, step: usize, metrics: &[Measurement]) {
        self.tracking.tell(|tracker| tracker.measured(&self.run, step, metrics));
    }
}

/// A JSON object a line on standard output.
struct EventLines;

impl EventLines {
    fn say(run: &TrackedRun, event: &str, more: Value) -> Result<(), TrackerError> {
        use std::io::Write;
        let mut line = json!({
            "event": event, "run": run.id, "experiment": run.experiment, "method": run.method,
            "task": run.task, "seed": run.seed,
        });
        if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
            line.extend(more);
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}")
            .and_then(|()| out.flush())
            .map_err(TrackerError::of("cannot write to", "standard output"))
    }
}

impl Tracker for EventLines {
    fn began(&mut self, run: &TrackedRun) -> Result<(), TrackerError> {
        Self::say(run, "began", json!({}))
    }

    fn measured(
        &mut self,
        run: &TrackedRun,
        step: usize,
        metrics: &[Measurement],
    ) -> Result<(), TrackerError> {
        // What is no number is `null`: JSON has no word for it.
        let metrics: Map<String, Value> =
            metrics.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        Self::say(run, "measured", json!({ "step": step, "metrics": metrics }))
    }

    fn ended(&mut self, run: &TrackedRun, end: TrackedEnd) -> Result<(), TrackerError> {
        let how = match end {
            TrackedEnd::Finished => "finished",
            TrackedEnd::Failed => "failed",
            TrackedEnd::Stopped => "stopped",
        };
        Self::say(run, how, json!({}))
    }
}
