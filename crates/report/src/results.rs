//! The records that a report or a figure is about.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use isthmus_core::metric::Measure;
use isthmus_core::validation::SCORE_PREFIX;
use isthmus_results::compare::settings_text;
use isthmus_results::{Rounds, read_records};
use plotters::style::RGBColor;

use crate::embedding::Embedding;
use crate::error::ReportError;
use crate::palette;
use crate::runs::{Run, task_name};

/// A method as tables and charts name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// The label.
    pub label: String,
    /// Whether all its runs trained on target labels.
    pub upper_bound: bool,
}

impl Method {
    /// The label, marked where it is an upper bound.
    pub fn name(&self) -> String {
        if self.upper_bound { format!("{} (upper bound)", self.label) } else { self.label.clone() }
    }
}

/// Finished runs, each once, and what was left out.
#[derive(Clone, Debug)]
pub struct Results {
    /// The paths that were searched.
    pub paths: Vec<PathBuf>,
    /// The runs, by method, task and seed.
    pub runs: Vec<Run>,
    /// The methods in the order of the experiment files, upper bounds last.
    pub methods: Vec<Method>,
    /// Records that were left out, and why.
    pub warnings: Vec<String>,
    /// Whether runs of earlier rounds of successive halving are among them.
    pub rounds: Rounds,
    /// What is to be said of such runs that were left out, if any were.
    pub rounds_note: Option<String>,
}

/// What a figure shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlotOptions {
    /// The metric, where the figure is of one; the primary metric of the runs on the target where
    /// none is named.
    pub metric: Option<String>,
    /// Only this validator, where the figure is of validators; all where none is named.
    pub validator: Option<String>,
    /// Only these methods, by label; all where it is empty.
    pub methods: Vec<String>,
    /// Only these tasks, as `source -> target`; all where it is empty.
    pub tasks: Vec<String>,
    /// How features are laid out in the plane.
    pub embedding: Embedding,
}

impl Results {
    /// Reads the records at or below `paths`, of these rounds; copies of a run count once.
    ///
    /// # Errors
    /// If a path cannot be read or there is no finished record.
    pub fn load(paths: &[PathBuf], rounds: Rounds) -> Result<Self, ReportError> {
        let set = read_records(paths)?;
        let mut warnings: Vec<String> = set.warnings.iter().map(ToString::to_string).collect();
        let mut records = set.records;
        let found = records.len();
        records.retain(|record| rounds.admit(&record.run));
        let rounds_note = Rounds::note(found - records.len());
        if records.is_empty() {
            warnings.extend(rounds_note);
            return Err(ReportError::NoRecords { paths: paths.to_vec(), warnings });
        }
        let mut seen = BTreeSet::new();
        records.retain(|record| seen.insert(record.run.id.clone()));

        // As the tables of `isthmus compare` name them.
        let names: Vec<String> = records
            .iter()
            .map(|record| match &record.run.settings {
                none if none.is_empty() => record.run.method.clone(),
                settings => format!("{} ({})", record.run.method, settings_text(settings)),
            })
            .collect();
        let mut configurations: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
        for (record, name) in records.iter().zip(&names) {
            let group = (record.run.dataset.as_str(), name.as_str());
            configurations.entry(group).or_default().insert(&record.run.configuration);
        }
        let labels: Vec<String> = records
            .iter()
            .zip(&names)
            .map(|(record, name)| {
                let run = &record.run;
                if configurations[&(run.dataset.as_str(), name.as_str())].len() > 1 {
                    format!("{name} [{}]", run.configuration)
                } else {
                    name.clone()
                }
            })
            .collect();
        let mut runs: Vec<Run> = records
            .into_iter()
            .zip(labels)
            .map(|(record, label)| Run { record, label, series: 0 })
            .collect();
        let methods = methods(&runs);
        let places: BTreeMap<&str, usize> =
            methods.iter().enumerate().map(|(place, method)| (&*method.label, place)).collect();
        for run in &mut runs {
            run.series = places[run.label.as_str()];
        }
        runs.sort_by(|one, other| {
            let key = |run: &Run| {
                let info = &run.record.run;
                (run.series, info.dataset.clone(), info.position.task, run.task(), info.seed)
            };
            key(one).cmp(&key(other))
        });
        Ok(Self { paths: paths.to_vec(), runs, methods, warnings, rounds, rounds_note })
    }

    /// The runs that the options ask for.
    ///
    /// # Errors
    /// If they name a method or task that no run has, or nothing is left.
    pub(crate) fn select(&self, options: &PlotOptions) -> Result<Vec<&Run>, ReportError> {
        for name in &options.methods {
            if !self.runs.iter().any(|run| is_method(run, name)) {
                let available = self.methods.iter().map(|method| method.label.clone()).collect();
                return Err(unknown("method", name, available));
            }
        }
        for name in &options.tasks {
            if !self.runs.iter().any(|run| is_task(run, name)) {
                let tasks: BTreeSet<String> =
                    self.runs.iter().map(|run| run.record.run.task.to_string()).collect();
                return Err(unknown("task", name, tasks.into_iter().collect()));
            }
        }
        let asked = |names: &[String], run: &Run, is: fn(&Run, &str) -> bool| {
            names.is_empty() || names.iter().any(|name| is(run, name))
        };
        let runs: Vec<&Run> = self
            .runs
            .iter()
            .filter(|run| {
                asked(&options.methods, run, is_method) && asked(&options.tasks, run, is_task)
            })
            .collect();
        if runs.is_empty() { Err(ReportError::NothingSelected) } else { Ok(runs) }
    }

    /// The names of metrics of last stages.
    pub(crate) fn metrics(&self) -> BTreeSet<&str> {
        let rows = self.runs.iter().flat_map(|run| {
            let stage = run.last_stage();
            run.record.metrics.iter().filter(move |row| row.stage == stage)
        });
        rows.map(|row| row.metric.as_str()).collect()
    }

    /// The primary metrics of the runs on the target, each once, by name.
    pub(crate) fn primaries(&self) -> Vec<Measure> {
        primaries(&self.runs.iter().collect::<Vec<_>>())
    }

    /// What a figure of these runs shows: the metric asked for, or their primary one.
    ///
    /// # Errors
    /// If none is asked for and the runs have several.
    pub(crate) fn measure(
        &self,
        options: &PlotOptions,
        runs: &[&Run],
    ) -> Result<Measure, ReportError> {
        if let Some(name) = &options.metric {
            let metrics = |run: &&&Run| run.record.run.metrics.measure(name);
            let with = runs.iter().find(|run| run.final_value(name).is_some());
            return with.or(runs.first()).as_ref().map(metrics).ok_or(ReportError::NothingSelected);
        }
        match primaries(runs).as_slice() {
            [one] => Ok(one.clone()),
            several => Err(ReportError::Missing(format!(
                "The runs have different primary metrics: {}; name one with `--metric`.",
                several.iter().map(|it| format!("`{}`", it.name)).collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    /// The error of a metric that no run has.
    pub(crate) fn no_metric(&self, metric: &str) -> ReportError {
        let metrics = self.metrics();
        let primary = self.primaries().iter().any(|primary| primary.name == metric);
        // Nothing that is recorded of the target took labels.
        let label_free =
            |name: &&str| name.starts_with("target_") || name.starts_with(SCORE_PREFIX);
        if primary && metrics.iter().any(label_free) {
            return ReportError::Missing(format!(
                "No target labels, so no `{metric}` in any run; scores of validators and effective \
                 classes need none."
            ));
        }
        unknown("metric", metric, self.metrics().into_iter().map(str::to_owned).collect())
    }

    /// The method that a run is a run of.
    pub(crate) fn method(&self, run: &Run) -> &Method {
        &self.methods[run.series]
    }

    /// The colour of a method by its place.
    pub(crate) fn colour(&self, series: usize) -> RGBColor {
        if self.methods.get(series).is_some_and(|method| method.upper_bound) {
            palette::BOUND.light
        } else {
            palette::series(series)
        }
    }

    /// Whether there are runs on several data sets: names of tasks alone are then not enough.
    pub(crate) fn several_datasets(&self) -> bool {
        let datasets: BTreeSet<&str> =
            self.runs.iter().map(|run| run.record.run.dataset.as_str()).collect();
        datasets.len() > 1
    }

    /// The task, with its data set where there are several.
    pub(crate) fn place(&self, run: &Run) -> String {
        self.with_dataset(run, &run.task())
    }

    /// The text, with the run's data set before it where there are several.
    pub(crate) fn with_dataset(&self, run: &Run, text: &str) -> String {
        if self.several_datasets() {
            format!("{}: {text}", run.record.run.dataset)
        } else {
            text.to_owned()
        }
    }
}

fn primaries(runs: &[&Run]) -> Vec<Measure> {
    let all: BTreeSet<Measure> =
        runs.iter().map(|run| run.record.run.metrics.primary_measure()).collect();
    all.into_iter().collect()
}

fn methods(runs: &[Run]) -> Vec<Method> {
    let mut entries: BTreeMap<&str, (bool, usize)> = BTreeMap::new();
    for run in runs {
        let info = &run.record.run;
        let entry =
            entries.entry(&run.label).or_insert((info.target_labels_used, info.position.method));
        entry.0 &= info.target_labels_used;
        entry.1 = entry.1.min(info.position.method);
    }
    let mut methods: Vec<(bool, usize, &str)> = entries
        .into_iter()
        .map(|(label, (upper_bound, place))| (upper_bound, place, label))
        .collect();
    methods.sort();
    methods
        .into_iter()
        .map(|(upper_bound, _, label)| Method { label: label.to_owned(), upper_bound })
        .collect()
}

fn is_method(run: &Run, name: &str) -> bool {
    run.label == name || run.record.run.method == name
}

/// `a -> b`, `a->b` and `a → b` are one task.
fn is_task(run: &Run, name: &str) -> bool {
    let plain = |text: &str| -> String {
        text.replace("->", "→").chars().filter(|character| !character.is_whitespace()).collect()
    };
    plain(name) == plain(&task_name(&run.record.run.task))
}

fn unknown(what: &'static str, name: &str, available: Vec<String>) -> ReportError {
    ReportError::Unknown { what, name: name.to_owned(), available }
}

/// The runs in groups by a key, in the order in which the keys come.
pub(crate) fn grouped<'a, K: PartialEq>(
    runs: &[&'a Run],
    key: impl Fn(&Run) -> K,
) -> Vec<(K, Vec<&'a Run>)> {
    let mut groups: Vec<(K, Vec<&'a Run>)> = Vec::new();
    for &run in runs {
        let key = key(run);
        match groups.iter_mut().find(|(found, _)| *found == key) {
            Some((_, group)) => group.push(run),
            None => groups.push((key, vec![run])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Made, loaded, made};

    fn results() -> (tempfile::TempDir, Results) {
        let folder = tempfile::tempdir().unwrap();
        for (place, (method, upper_bound)) in
            [("target-only", true), ("source-only", false), ("dann", false)].into_iter().enumerate()
        {
            for (source, target) in [("a", "b"), ("b", "a")] {
                let run = Made { method, upper_bound, place, source, target, ..Made::default() };
                made(folder.path(), &run, "0,5,target_accuracy,0.5\n", None);
            }
        }
        let results = loaded(folder.path());
        (folder, results)
    }

    #[test]
    fn methods_keep_the_order_of_the_file_and_upper_bounds_are_last() {
        let (_folder, results) = results();
        let names: Vec<String> = results.methods.iter().map(Method::name).collect();
        assert_eq!(names, ["source-only", "dann", "target-only (upper bound)"]);
        assert_eq!(results.runs.len(), 6);
        assert_eq!(results.runs[2].series, 1);
        assert_eq!(results.colour(1), palette::series(1));
        assert_eq!(results.colour(2), palette::BOUND.light);
    }

    #[test]
    fn tasks_are_found_however_they_are_written() {
        let (_folder, results) = results();
        for name in ["a -> b", "a->b", "a → b"] {
            let options = PlotOptions { tasks: vec![name.to_owned()], ..PlotOptions::default() };
            assert_eq!(results.select(&options).unwrap().len(), 3, "{name}");
        }
    }

    #[test]
    fn unknown_names_are_refused_with_those_there_are() {
        let (_folder, results) = results();
        let options = PlotOptions { methods: vec!["cdan".to_owned()], ..PlotOptions::default() };
        assert_eq!(
            results.select(&options).unwrap_err().to_string(),
            "no run has the method `cdan`; there are: source-only, dann, target-only"
        );
        let options = PlotOptions { tasks: vec!["a -> c".to_owned()], ..PlotOptions::default() };
        assert_eq!(
            results.select(&options).unwrap_err().to_string(),
            "no run has the task `a -> c`; there are: a -> b, b -> a"
        );
    }

    #[test]
    fn no_record_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = Results::load(&[folder.path().to_owned()], Rounds::Last).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("no finished record under {}", folder.path().display())
        );
    }
}
