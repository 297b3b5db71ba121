//! Shows how far the jobs of a run are.

use std::collections::BTreeMap;
use std::time::Instant;

use isthmus_core::spec::Job;
use isthmus_results::RecordHeader;
use isthmus_runner::{Ending, Listener, Outcome, Watch, WorkerMessage, name_of, planned_steps};

use std::sync::Arc;

use super::progress::{Bar, Progress};
use super::tracking::{TrackedJob, Tracking};
use super::tui::Tui;

/// Shows the jobs that run.
pub struct Display<'a> {
    jobs: Vec<&'a (Job, RecordHeader)>,
    progress: &'a Progress,
    overall: Bar,
    running: BTreeMap<usize, (TrackedJob, Instant)>,
    tracking: Arc<Tracking>,
    done: usize,
    tui: Option<Tui>,
}

impl<'a> Display<'a> {
    /// Shows nothing yet of these jobs: by `progress`, or on the whole terminal by `tui`.
    pub fn new(
        jobs: Vec<&'a (Job, RecordHeader)>,
        progress: &'a Progress,
        tracking: Arc<Tracking>,
        mut tui: Option<Tui>,
    ) -> Self {
        if let (Some(tui), Some((_, header))) = (&mut tui, jobs.first()) {
            tui.live.open_on(header.run.metrics.primary().of_target());
        }
        let overall = progress.bar("runs", "runs", jobs.len());
        Self { jobs, progress, overall, running: BTreeMap::new(), tracking, done: 0, tui }
    }

    /// Whether the whole terminal is used.
    pub fn is_tui(&self) -> bool {
        self.tui.is_some()
    }
}

impl Drop for Display<'_> {
    fn drop(&mut self) {
        self.overall.finish();
    }
}

impl Listener for Display<'_> {
    fn began(&mut self, job: usize) {
        let (spec, header) = self.jobs[job];
        let steps = planned_steps(spec);
        let name = name_of(spec, &header.run);
        if let Some(tui) = &mut self.tui {
            tui.live.began(job, name.clone(), steps);
        }
        let tracked = self.tracking.began(spec, header, self.progress.steps(&name, steps));
        self.running.insert(job, (tracked, Instant::now()));
    }

    fn watch(&self, job: usize) -> &(dyn Watch + Sync) {
        &self.running.get(&job).expect("the job has begun").0
    }

    fn said(&mut self, job: usize, said: &WorkerMessage) {
        if let Some(tui) = &mut self.tui {
            match said {
                WorkerMessage::Step { step, text } => tui.live.step(job, *step, text),
                WorkerMessage::Evaluated { step, metrics } => {
                    tui.live.evaluated(job, *step, metrics)
                }
                WorkerMessage::Ready | WorkerMessage::Ended(_) | WorkerMessage::Failed(_) => {}
            }
        }
        let Some((tracked, _)) = self.running.get(&job) else { return };
        match said {
            WorkerMessage::Step { step, text } => {
                tracked.at(*step);
                if !text.is_empty() {
                    tracked.message(text.clone());
                }
            }
            WorkerMessage::Evaluated { step, metrics } => tracked.evaluated(*step, metrics),
            WorkerMessage::Ready | WorkerMessage::Ended(_) | WorkerMessage::Failed(_) => {}
        }
    }

    fn wrote(&mut self, line: String) {
        if let Some(tui) = &mut self.tui {
            tui.wrote(line);
        }
    }

    fn tick(&mut self) {
        if let Some(tui) = &mut self.tui {
            tui.refresh();
        }
    }

    fn came_out(&mut self, job: usize, outcome: &Outcome) {
        let Some((tracked, started)) = self.running.remove(&job) else { return };
        tracked.came_out(outcome);
        let (spec, header) = self.jobs[job];
        let name = name_of(spec, &header.run);
        let all = self.jobs.len();
        let text = match outcome {
            Outcome::Ended(Ending::Finished { primary, .. }) => {
                self.done += 1;
                self.overall.at(self.done);
                let target = match primary {
                    Some(primary) => format!("target {primary}"),
                    None => "no target labels".to_owned(),
                };
                format!(
                    "[{}/{all}] {name}: {target}, {:.1} s",
                    self.done,
                    started.elapsed().as_secs_f64()
                )
            }
            Outcome::Ended(Ending::Elsewhere) => {
                format!("{name}: another process is running it; it is left to that one")
            }
            Outcome::Ended(Ending::Interrupted) | Outcome::NotBegun => {
                format!("{name}: stopped with a checkpoint")
            }
            Outcome::Failed(cause) | Outcome::Crashed(cause) => format!("{name}: failed: {cause}"),
        };
        self.progress.line(&text);
        if let Some(tui) = &mut self.tui {
            tui.live.ended(job, text);
        }
    }
}
