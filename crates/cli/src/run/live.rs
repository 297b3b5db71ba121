//! What a run's jobs have measured so far.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use isthmus_core::metric::Measurement;
use isthmus_core::validation::SCORE_PREFIX;

/// Lines on jobs that ended that are kept to be shown.
const MOST_LINES: usize = 64;

/// One job that runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Running {
    pub name: String,
    pub steps: usize,
    pub step: usize,
    pub text: String,
    /// Its colour, among those that other jobs have.
    pub colour: usize,
    pub curves: BTreeMap<String, Vec<(f64, f64)>>,
}

/// What is shown while a run goes on.
#[derive(Clone, Debug, Default)]
pub struct Live {
    pub(super) running: BTreeMap<usize, Running>,
    /// How jobs ended, and what their processes wrote, the latest last.
    pub(super) lines: VecDeque<String>,
    pub(super) ended: usize,
    pub(super) all: usize,
    /// Whether the run was asked to end.
    pub(super) stopping: bool,
    /// The metric whose curves were asked for.
    chosen: Option<String>,
    /// The metric that is shown where none was asked for.
    opening: Option<String>,
}

impl Live {
    /// Nothing yet, of so many jobs.
    pub fn new(all: usize) -> Self {
        Self { all, ..Self::default() }
    }

    /// Shows this metric until another one is asked for.
    pub fn open_on(&mut self, metric: String) {
        self.opening = Some(metric);
    }

    /// A job of so many steps begins.
    pub fn began(&mut self, job: usize, name: String, steps: usize) {
        let taken: BTreeSet<usize> = self.running.values().map(|other| other.colour).collect();
        let colour = (0..).find(|colour| !taken.contains(colour)).unwrap_or(0);
        self.running.insert(job, Running { name, steps, colour, ..Running::default() });
    }

    /// So many steps of a job are done.
    pub fn step(&mut self, job: usize, step: usize, text: &str) {
        if let Some(running) = self.running.get_mut(&job) {
            running.step = step;
            if !text.is_empty() {
                text.clone_into(&mut running.text);
            }
        }
    }

    /// A job's model was evaluated.
    pub fn evaluated(&mut self, job: usize, step: usize, metrics: &[Measurement]) {
        let Some(running) = self.running.get_mut(&job) else { return };
        for (name, value) in metrics {
            running.curves.entry(name.clone()).or_default().push((step as f64, *value));
        }
    }

    /// A job ended; `text` says how.
    pub fn ended(&mut self, job: usize, text: String) {
        self.running.remove(&job);
        self.ended += 1;
        self.wrote(text);
    }

    /// A line is to be shown.
    pub fn wrote(&mut self, line: String) {
        if self.lines.len() == MOST_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Whether the run was asked to end.
    pub fn set_stopping(&mut self, stopping: bool) {
        self.stopping = stopping;
    }

    /// Shows the curves of the metric that is so many further.
    pub fn next_metric(&mut self, further: usize) {
        let metrics = self.metrics();
        if further == 0 || metrics.is_empty() {
            return;
        }
        let next = (self.place(&metrics) + further) % metrics.len();
        self.chosen = Some(metrics[next].to_owned());
    }

    /// Names of the metrics that the running jobs have measured.
    pub(super) fn metrics(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self
            .running
            .values()
            .flat_map(|running| running.curves.keys().map(String::as_str))
            .collect();
        names.into_iter().collect()
    }

    /// The place of the metric that is shown: the one that was asked for, else the one to open on,
    /// else a validator's score, else the first; of those that a job measures that runs now.
    pub(super) fn place(&self, metrics: &[&str]) -> usize {
        let of = |wanted: Option<&str>| metrics.iter().position(|name| Some(*name) == wanted);
        of(self.chosen.as_deref())
            .or_else(|| of(self.opening.as_deref()))
            .or_else(|| metrics.iter().position(|name| name.starts_with(SCORE_PREFIX)))
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_stays_shown_whatever_other_jobs_measure() {
        let mut live = Live::new(2);
        live.next_metric(1);
        live.began(0, "dann".to_owned(), 100);
        live.evaluated(0, 20, &[("b".into(), 0.5), ("c".into(), 1.0)]);
        live.next_metric(1);
        let shown = |live: &Live| live.metrics()[live.place(&live.metrics())].to_owned();
        assert_eq!(shown(&live), "c");
        live.began(1, "mcc".to_owned(), 100);
        live.evaluated(1, 20, &[("a".into(), 0.5), ("c".into(), 1.0)]);
        assert_eq!(shown(&live), "c");
        live.next_metric(1);
        assert_eq!(shown(&live), "a");
        live.ended(1, "mcc: done".to_owned());
        assert_eq!(shown(&live), "b");
        live.next_metric(usize::MAX - 1);
        assert_eq!(live.running[&0].colour, 0);
    }

    #[test]
    fn the_view_opens_on_the_primary_metric_and_without_labels_on_a_validator() {
        let mut live = Live::new(1);
        live.open_on("target_accuracy".to_owned());
        live.began(0, "dann".to_owned(), 100);
        let shown = |live: &Live| live.metrics()[live.place(&live.metrics())].to_owned();
        live.evaluated(0, 1, &[("source_accuracy".into(), 0.5), ("validator/snd".into(), 1.0)]);
        assert_eq!(shown(&live), "validator/snd");
        live.evaluated(0, 2, &[("target_accuracy".into(), 0.5)]);
        assert_eq!(shown(&live), "target_accuracy");
        live.next_metric(1);
        assert_eq!(shown(&live), "validator/snd");
    }

    #[test]
    fn colours_are_free_again_when_a_job_ends_and_lines_are_bounded() {
        let mut live = Live::new(1000);
        (0..3).for_each(|job| live.began(job, String::new(), 1));
        live.ended(1, "done".to_owned());
        live.began(3, String::new(), 1);
        assert_eq!(live.running[&3].colour, 1);
        (0..500).for_each(|line| live.wrote(line.to_string()));
        assert_eq!((live.lines.len(), live.lines.back().unwrap().as_str()), (MOST_LINES, "499"));
    }
}
