//! The jobs of an experiment file, those of its sweep's variants among them.

use std::collections::HashMap;
use std::sync::Arc;

use isthmus_core::spec::{DataSpec, Experiment, Job};
use isthmus_engine::{build_objective, fits_once, is_stream, uses_target_labels};
use isthmus_experiment::Sweep;
use isthmus_results::RecordHeader;
use isthmus_results::record::RunInfo;
use serde_json::{Map, Value};

/// A job with what its record says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedJob {
    /// The job.
    pub job: Job,
    /// The experiment that it is one of: a sweep's variant of the file's.
    pub experiment: Arc<Experiment>,
    /// The values that a sweep set and that concern this job, by key.
    pub settings: Map<String, Value>,
    /// The round of successive halving, from 1, that stops it before its end; none in the last.
    pub round: Option<usize>,
}

impl PlannedJob {
    /// The header of its record.
    pub fn header(&self, data_fingerprint: &str, version: &str) -> RecordHeader {
        let upper_bound = self.job.begins_with_target_labels()
            || self.job.method.stages.iter().any(uses_target_labels);
        // An objective that is not linked is told when the run is built.
        let objective = build_objective(&self.job.objective);
        let metrics = objective.map(|objective| objective.metrics()).unwrap_or_default();
        RecordHeader::new(&self.experiment, &self.job, data_fingerprint, version, upper_bound)
            .with_metrics(metrics)
            .with_settings(self.settings.clone())
            .in_round(self.round)
    }
}

/// The jobs of a file, each once: those of its experiment, or of its sweep's variants. `settled` is
/// the experiment with device and transform settled, which a sweep cannot change; of its data a sweep
/// changes feature transforms, views and the order of streams alone.
///
/// Variants that ask for the same job differ in values that do not concern it: a value for
/// another method, or one that the method overrides. Only the settings in which they agree are
/// the job's.
pub fn all_jobs(sweep: Option<&Sweep>, settled: &Experiment) -> Vec<PlannedJob> {
    let Some(sweep) = sweep else {
        return jobs_of(settled.clone(), Map::new());
    };
    let planned = sweep.variants.iter().flat_map(|variant| {
        let mut experiment = variant.experiment.clone();
        let DataSpec { feature_transforms, views, stream_order, .. } = experiment.data;
        let own = settled.data.clone();
        experiment.data = DataSpec { feature_transforms, views, stream_order, ..own };
        experiment.device.clone_from(&settled.device);
        let mut jobs = jobs_of(experiment, variant.settings.clone());
        jobs.retain(|planned| variant.methods.contains(&planned.job.method.label));
        // The order of a stream concerns methods alone that learn on the way.
        let plain = |job: &Job| !job.method.stages.iter().any(is_stream);
        for planned in jobs.iter_mut().filter(|planned| plain(&planned.job)) {
            planned.job.data.stream_order = settled.data.stream_order;
        }
        jobs
    });
    without_copies(planned)
}

fn jobs_of(experiment: Experiment, settings: Map<String, Value>) -> Vec<PlannedJob> {
    let experiment = Arc::new(experiment);
    let planned = |job| PlannedJob {
        job,
        experiment: Arc::clone(&experiment),
        settings: settings.clone(),
        round: None,
    };
    experiment.jobs().into_iter().map(planned).collect()
}

fn without_copies(all: impl IntoIterator<Item = PlannedJob>) -> Vec<PlannedJob> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut jobs: Vec<PlannedJob> = Vec::new();
    for planned in all {
        let text = serde_json::to_string(&planned.job.without_places());
        let text = text.expect("a job is plain data");
        match places.get(&text) {
            None => {
                places.insert(text, jobs.len());
                jobs.push(planned);
            }
            Some(&place) => {
                jobs[place].settings.retain(|key, value| planned.settings.get(key) == Some(value));
            }
        }
    }
    jobs
}

/// Steps of all stages of a job. Those of a stream are known when its data are.
pub fn planned_steps(job: &Job) -> usize {
    let trained = job.method.stages.iter().filter(|stage| !is_stream(stage));
    trained.map(|stage| if fits_once(stage) { 1 } else { stage.training.steps() }).sum()
}

/// How messages call a run.
pub fn name_of(job: &Job, run: &RunInfo) -> String {
    let mut name = format!("{}, {}, seed {}", job.method.label, job.task(), job.seed);
    for (key, value) in &run.settings {
        name.push_str(&format!(", {key} = {value}"));
    }
    name
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::quickstart;

    fn of<'a>(jobs: &'a [PlannedJob], label: &str) -> Vec<&'a PlannedJob> {
        jobs.iter().filter(|planned| planned.job.method.label == label).collect()
    }

    #[test]
    fn a_method_is_not_run_again_for_settings_of_another() {
        let jobs = quickstart("\n[sweep.values]\nmethods.dann.align.0.weight = [0.1, 1, 10]\n");
        assert_eq!(of(&jobs, "dann").len(), 3 * 3);
        for label in ["source-only", "mcc", "target-only"] {
            assert_eq!(of(&jobs, label).len(), 3, "{label}");
            assert!(of(&jobs, label).iter().all(|planned| planned.settings.is_empty()));
        }
        let first = of(&jobs, "dann")[0];
        assert_eq!(json!(first.settings), json!({ "methods.dann.align.0.weight": 0.1 }));
    }

    #[test]
    fn a_setting_that_a_method_overrides_does_not_concern_it() {
        let jobs = quickstart(
            "training.iterations = 7\n[sweep.values]\ntraining.iterations = [5, 6]\n\
             training.batch_size = [16, 32]\n",
        );
        // The file ends in the table of `target-only`.
        let settled = of(&jobs, "target-only");
        assert_eq!(settled.len(), 2 * 3);
        assert!(settled.iter().all(|planned| planned.settings.len() == 1));
        assert!(settled.iter().all(|planned| planned.settings.contains_key("training.batch_size")));
        assert_eq!(of(&jobs, "dann").len(), 4 * 3);
        let ids = |jobs: &[PlannedJob]| -> std::collections::BTreeSet<String> {
            jobs.iter().map(|planned| planned.job.id("data", "1")).collect()
        };
        assert_eq!(ids(&jobs).len(), jobs.len());
        assert!(ids(&quickstart("training.iterations = 7\n")).is_disjoint(&ids(&jobs)));
    }

    #[test]
    fn a_sweep_over_what_the_file_says_is_the_file() {
        let swept = quickstart("\n[sweep.values]\ntraining.batch_size = [64]\n");
        let plain = quickstart("");
        let jobs = |all: &[PlannedJob]| all.iter().map(|one| one.job.clone()).collect::<Vec<_>>();
        assert_eq!(jobs(&swept), jobs(&plain));
    }
}
