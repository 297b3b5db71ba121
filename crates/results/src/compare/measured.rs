//! What is compared: one measure of records that mean the same by it.

use isthmus_core::metric::{Measure, Metrics, TARGET_PREFIX};

use crate::record::RunInfo;
use crate::table::{Runs, last_stage};
use crate::words::count;

/// Runs that are compared by one measure, and whose oracle goes by one.
#[derive(Debug)]
pub(crate) struct Compared {
    /// What is compared.
    pub measure: Measure,
    /// What the oracle chooses by: the primary metric on the target.
    pub primary: Measure,
    /// Places of the runs.
    pub runs: Vec<usize>,
}

impl Compared {
    /// The runs in these places, in groups that can share a table: by `metric`, or where that is
    /// not stated by the primary metric of each run. Sorted by the measure's name.
    pub fn groups(runs: &Runs, places: Vec<usize>, metric: Option<&str>) -> Vec<Self> {
        let mut known: Vec<(Metrics, usize)> = Vec::new();
        let mut groups: Vec<Self> = Vec::new();
        for place in places {
            let metrics = &runs.runs[place].1.metrics;
            let group = known.iter().find(|(found, _)| found == metrics).map(|(_, group)| *group);
            let group = group.unwrap_or_else(|| {
                let primary = metrics.primary_measure();
                let measure = metric.map_or_else(|| primary.clone(), |name| metrics.measure(name));
                let alike = |group: &Self| group.measure == measure && group.primary == primary;
                let group = groups.iter().position(alike).unwrap_or_else(|| {
                    groups.push(Self { measure, primary, runs: Vec::new() });
                    groups.len() - 1
                });
                known.push((metrics.clone(), group));
                group
            });
            groups[group].runs.push(place);
        }
        groups.sort_by(|a, b| (&a.measure, &a.primary).cmp(&(&b.measure, &b.primary)));
        groups
    }

    /// Whether the run was evaluated without target labels: it has values in its last stage, none
    /// of which takes them, and the measure is one that does.
    pub fn lacks_labels(&self, runs: &Runs, place: usize) -> bool {
        let run = &runs.runs[place].1;
        let last = last_stage(run);
        let mut evaluated = false;
        for row in runs.values(place).filter(|row| row.stage == last) {
            if takes_target_labels(run, &runs.metric_names()[row.metric as usize]) {
                return false;
            }
            evaluated = true;
        }
        evaluated && takes_target_labels(run, &self.measure.name)
    }
}

/// Whether a metric of a record needs labels of the target.
fn takes_target_labels(run: &RunInfo, metric: &str) -> bool {
    let Some(name) = metric.strip_prefix(TARGET_PREFIX) else { return false };
    let name = name.split_once('/').map_or(name, |(name, _)| name);
    run.metrics.list().iter().any(|info| info.name == name)
}

/// The sentence on runs whose target has no labels.
pub(super) fn without_labels(measure: &Measure, runs: usize) -> String {
    format!(
        "No target labels, so no `{}`: {}. What needs no labels is in a table of its own.",
        measure.name,
        count(runs, "run")
    )
}
