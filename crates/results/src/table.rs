//! All metrics of many records, as numbers and as polars frames.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use polars_core::prelude::{
    Column, DataFrame, IdxCa, IntoColumn, NamedFrom, NewChunkedArray, PolarsResult, StringChunked,
};
use rayon::prelude::*;

use crate::error::{CompareError, RecordError};
use crate::record::{
    RecordWarning, Rounds, RunInfo, TableRecord, for_each_metric, metrics_file, read_for_tables,
};

/// The runs below some paths and their metrics: what is said of a run is held once, not once a
/// metric, and the name of a metric once for all runs.
#[derive(Debug)]
pub struct Runs {
    /// Facts of each run, with its folder; a run's place here is its `record` in frames.
    pub runs: Vec<(PathBuf, RunInfo)>,
    /// Records that were left out, and why.
    pub warnings: Vec<RecordWarning>,
    /// The note on runs of earlier rounds that were left out, if any were.
    pub rounds_note: Option<String>,
    values: MetricColumns,
}

/// One value of one metric of a run; the metric is a place in [`Runs::metric_names`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct MetricValue {
    pub stage: u32,
    pub step: u64,
    pub metric: u32,
    pub value: f64,
}

impl Runs {
    /// The error that nothing below `paths` takes part.
    pub(crate) fn none_found(&self, paths: &[PathBuf]) -> CompareError {
        let warnings = self.warnings.iter().map(ToString::to_string);
        CompareError::NoRecords {
            paths: paths.to_vec(),
            warnings: warnings.chain(self.rounds_note.clone()).collect(),
        }
    }

    /// Reads every record at or below `paths`, of these rounds.
    ///
    /// # Errors
    /// If a path does not exist or cannot be part of a record.
    pub fn load(paths: &[PathBuf], rounds: Rounds) -> Result<Self, RecordError> {
        let (mut records, mut warnings) = read_for_tables(paths)?;
        let found = records.len();
        records.retain(|record| rounds.admit(&record.run));
        let rounds_note = Rounds::note(found - records.len());
        let parts: Vec<Part> = records.into_par_iter().chunks(1024).map(Part::read).collect();
        let mut runs = Vec::new();
        let mut values = MetricColumns::default();
        for part in parts {
            runs.extend(part.runs);
            warnings.extend(part.warnings);
            values.append(part.values);
        }
        Ok(Self { runs, warnings, rounds_note, values })
    }

    /// The names of all metrics, in the order in which they were met.
    pub fn metric_names(&self) -> &[String] {
        &self.values.names.list
    }

    /// The place of a metric among [`metric_names`](Self::metric_names).
    pub(crate) fn metric(&self, name: &str) -> Option<u32> {
        self.values.names.places.get(name).copied()
    }

    /// The values of the run in this place, in the order in which they were measured.
    pub(crate) fn values(&self, run: usize) -> impl Iterator<Item = MetricValue> + '_ {
        let columns = &self.values;
        let start = if run == 0 { 0 } else { columns.ends[run - 1] };
        (start..columns.ends[run]).map(|row| MetricValue {
            stage: columns.stages[row],
            step: columns.steps[row],
            metric: columns.metrics[row],
            value: columns.values[row],
        })
    }

    /// One row a value: `record`, `stage`, `step`, `metric`, `value`.
    ///
    /// # Errors
    /// If polars fails.
    pub fn metrics(&self) -> PolarsResult<DataFrame> {
        let columns = &self.values;
        let mut records: Vec<u32> = Vec::with_capacity(columns.values.len());
        let mut start = 0;
        for (record, &end) in columns.ends.iter().enumerate() {
            records.extend(std::iter::repeat_n(index(record), end - start));
            start = end;
        }
        let names = StringChunked::from_iter_values(
            "metric".into(),
            columns.names.list.iter().map(String::as_str),
        );
        let places = IdxCa::new("place".into(), &columns.metrics);
        let names = names.into_column().take(&places)?;
        DataFrame::new(
            columns.values.len(),
            vec![
                Column::new("record".into(), records),
                Column::new("stage".into(), &columns.stages),
                Column::new("step".into(), &columns.steps),
                names,
                Column::new("value".into(), &columns.values),
            ],
        )
    }

    /// One row a run: `record`, `path`, `run`, `experiment`, `dataset`, `method`,
    /// `configuration`, `sources` (joined by ` + `), `target`, `task`, `seed`, `settings` (JSON,
    /// empty without a sweep), `last_stage`, `upper_bound`.
    ///
    /// # Errors
    /// If polars fails.
    pub fn facts(&self) -> PolarsResult<DataFrame> {
        let text = |name: &str, value: &dyn Fn(&Path, &RunInfo) -> String| {
            let values: Vec<String> =
                self.runs.iter().map(|(path, run)| value(path, run)).collect();
            Column::new(name.into(), values)
        };
        let settings = |run: &RunInfo| match run.settings.is_empty() {
            true => String::new(),
            false => serde_json::Value::Object(run.settings.clone()).to_string(),
        };
        let records: Vec<u32> = (0..self.runs.len()).map(index).collect();
        let last: Vec<u32> = self.runs.iter().map(|(_, run)| last_stage(run)).collect();
        let seeds: Vec<u64> = self.runs.iter().map(|(_, run)| run.seed).collect();
        let bounds: Vec<bool> = self.runs.iter().map(|(_, run)| run.target_labels_used).collect();
        DataFrame::new(
            self.runs.len(),
            vec![
                Column::new("record".into(), records),
                text("path", &|path, _| path.display().to_string()),
                text("run", &|_, run| run.id.clone()),
                text("experiment", &|_, run| run.experiment.clone()),
                text("dataset", &|_, run| run.dataset.clone()),
                text("method", &|_, run| run.method.clone()),
                text("configuration", &|_, run| run.configuration.clone()),
                text("sources", &|_, run| run.task.sources.join(" + ")),
                text("target", &|_, run| run.task.target.clone()),
                text("task", &|_, run| run.task.to_string()),
                Column::new("seed".into(), seeds),
                text("settings", &|_, run| settings(run)),
                Column::new("last_stage".into(), last),
                Column::new("upper_bound".into(), bounds),
            ],
        )
    }

    /// The tidy table: one row a value, with everything that [`facts`](Self::facts) says of its
    /// run.
    ///
    /// # Errors
    /// If polars fails.
    pub fn tidy(&self) -> PolarsResult<DataFrame> {
        let metrics = self.metrics()?;
        let records = metrics.column("record")?.u32()?;
        let facts = self.facts()?.drop("record")?.take(records)?;
        metrics.hstack(facts.columns())
    }
}

/// The last stage of a run, as metrics number them.
pub(crate) fn last_stage(run: &RunInfo) -> u32 {
    index(run.stages.saturating_sub(1))
}

/// Some of the records, read side by side with others.
#[derive(Default)]
struct Part {
    runs: Vec<(PathBuf, RunInfo)>,
    values: MetricColumns,
    warnings: Vec<RecordWarning>,
}

impl Part {
    fn read(records: Vec<TableRecord>) -> Self {
        let mut part = Self::default();
        for TableRecord { directory, run, metrics } in records {
            match part.values.add(&metrics_file(&directory), &metrics) {
                Ok(()) => part.runs.push((directory, run)),
                Err(error) => {
                    let reason = error.to_string();
                    part.warnings.push(RecordWarning { path: directory, reason });
                }
            }
        }
        part
    }
}

/// Metrics as columns, one run after the other.
#[derive(Debug, Default)]
struct MetricColumns {
    names: Names,
    /// For each run the row after its last one.
    ends: Vec<usize>,
    stages: Vec<u32>,
    steps: Vec<u64>,
    metrics: Vec<u32>,
    values: Vec<f64>,
}

impl MetricColumns {
    /// Adds the metrics of a run; nothing of it where a row is damaged.
    fn add(&mut self, file: &Path, text: &str) -> Result<(), RecordError> {
        let before = self.values.len();
        let result = for_each_metric(file, text, |stage, step, metric, value| {
            self.stages.push(index(stage));
            self.steps.push(step as u64);
            self.metrics.push(self.names.place(metric));
            self.values.push(value);
        });
        if result.is_err() {
            self.stages.truncate(before);
            self.steps.truncate(before);
            self.metrics.truncate(before);
            self.values.truncate(before);
        } else {
            self.ends.push(self.values.len());
        }
        result
    }

    fn append(&mut self, other: Self) {
        let places: Vec<u32> = other.names.list.iter().map(|name| self.names.place(name)).collect();
        let before = self.values.len();
        self.ends.extend(other.ends.into_iter().map(|end| before + end));
        self.stages.extend(other.stages);
        self.steps.extend(other.steps);
        self.metrics.extend(other.metrics.into_iter().map(|place| places[place as usize]));
        self.values.extend(other.values);
    }
}

/// Names, each held once.
#[derive(Debug, Default)]
struct Names {
    list: Vec<String>,
    places: HashMap<String, u32>,
}

impl Names {
    fn place(&mut self, name: &str) -> u32 {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        let place = index(self.list.len());
        self.list.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }
}

/// Places fit: there are fewer than 2^32 records and stages. A stage number beyond, which only a
/// made-up file can hold, ends up where no run has its last stage.
fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
