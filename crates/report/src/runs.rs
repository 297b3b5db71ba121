//! One run, and what charts read from it.

use std::collections::BTreeMap;

use isthmus_core::spec::Task;
use isthmus_results::Record;

/// Values of the metrics of one evaluation, by name.
pub(crate) type Evaluation<'a> = BTreeMap<&'a str, f64>;

/// A finished run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its record.
    pub record: Record,
    /// The method's label; with the configuration's id where runs of one label have several.
    pub label: String,
    /// Place of the label among all methods: decides colour and mark.
    pub series: usize,
}

impl Run {
    /// The last stage, from 0.
    pub(crate) fn last_stage(&self) -> usize {
        self.record.run.stages.saturating_sub(1)
    }

    /// The task as people write it.
    pub(crate) fn task(&self) -> String {
        task_name(&self.record.run.task)
    }

    /// The metric's value at the last step of the last stage.
    pub(crate) fn final_value(&self, metric: &str) -> Option<f64> {
        let stage = self.last_stage();
        let rows = self.record.metrics.iter();
        rows.filter(|row| row.stage == stage && row.metric == metric)
            .max_by_key(|row| row.step)
            .map(|row| row.value)
    }

    /// The evaluations of the last stage, by step.
    pub(crate) fn evaluations(&self) -> BTreeMap<usize, Evaluation<'_>> {
        let mut evaluations: BTreeMap<usize, Evaluation<'_>> = BTreeMap::new();
        for row in self.record.metrics.iter().filter(|row| row.stage == self.last_stage()) {
            evaluations.entry(row.step).or_default().insert(&row.metric, row.value);
        }
        evaluations
    }

    /// The evaluations that a selection may choose: those of the last stage after its first step;
    /// the one before it where there is no other.
    pub(crate) fn candidates(&self) -> BTreeMap<usize, Evaluation<'_>> {
        let mut evaluations = self.evaluations();
        if evaluations.len() > 1 {
            evaluations.remove(&0);
        }
        evaluations
    }

    /// The metric's values by step of the whole run: steps of a stage are counted on from those
    /// of the stages before.
    pub(crate) fn curve(&self, metric: &str) -> BTreeMap<usize, f64> {
        let mut lengths: BTreeMap<usize, usize> = BTreeMap::new();
        for row in &self.record.metrics {
            let length = lengths.entry(row.stage).or_default();
            *length = row.step.max(*length);
        }
        let before =
            |stage: usize| -> usize { lengths.range(..stage).map(|(_, length)| length).sum() };
        let rows = self.record.metrics.iter().filter(|row| row.metric == metric);
        rows.filter(|row| row.value.is_finite())
            .map(|row| (before(row.stage) + row.step, row.value))
            .collect()
    }
}

/// `amazon → dslr`.
pub(crate) fn task_name(task: &Task) -> String {
    format!("{} → {}", task.sources.join(" + "), task.target)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Made, loaded, made};

    #[test]
    fn steps_are_counted_through_the_stages_and_the_last_value_is_the_final_one() {
        let folder = tempfile::tempdir().unwrap();
        let run = Made { stages: 2, ..Made::default() };
        let metrics = "0,0,target_accuracy,0.1\n0,10,target_accuracy,0.4\n\
                       1,0,target_accuracy,0.4\n1,5,target_accuracy,0.7\n1,5,theory/mmd,0.2\n";
        made(folder.path(), &run, metrics, None);
        let results = loaded(folder.path());
        let run = &results.runs[0];
        let curve: Vec<(usize, f64)> = run.curve("target_accuracy").into_iter().collect();
        assert_eq!(curve, [(0, 0.1), (10, 0.4), (15, 0.7)]);
        assert_eq!(run.final_value("target_accuracy"), Some(0.7));
        assert_eq!(run.final_value("target_loss"), None);
        assert_eq!(run.candidates().into_keys().collect::<Vec<_>>(), [5]);
        assert_eq!(run.evaluations()[&5].len(), 2);
    }
}
