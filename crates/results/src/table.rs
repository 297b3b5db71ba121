//! All metrics of many records as polars frames.

use std::path::{Path, PathBuf};

use polars::prelude::{
    Column, DataFrame, IntoLazy, JoinArgs, JoinType, LazyFrame, PolarsResult, col,
};

use crate::error::RecordError;
use crate::record::{MetricRow, Record, RecordWarning, RunInfo, read_records};

/// The runs below some paths and their metrics, as two frames that share the column `record`:
/// what is said of a run is held once, not once a metric.
#[derive(Debug)]
pub struct Runs {
    /// Facts of each run, with its folder; a run's place here is its `record`.
    pub runs: Vec<(PathBuf, RunInfo)>,
    /// One row a value: `record`, `stage`, `step`, `metric`, `value`.
    pub metrics: DataFrame,
    /// Records that were left out, and why.
    pub warnings: Vec<RecordWarning>,
}

impl Runs {
    /// Reads every record at or below `paths`.
    ///
    /// # Errors
    /// If a path does not exist or cannot be part of a record.
    pub fn load(paths: &[PathBuf]) -> Result<Self, RecordError> {
        let set = read_records(paths)?;
        let mut runs = Vec::with_capacity(set.records.len());
        let mut columns = MetricColumns::default();
        for (place, record) in set.records.into_iter().enumerate() {
            let Record { directory, run, metrics, .. } = record;
            columns.extend(place, metrics);
            runs.push((directory, run));
        }
        let metrics = columns.frame().expect("the columns have one length and different names");
        Ok(Self { runs, metrics, warnings: set.warnings })
    }

    /// One row a run: `record`, `path`, `run`, `experiment`, `dataset`, `method`,
    /// `configuration`, `sources` (joined by ` + `), `target`, `task`, `seed`, `last_stage`,
    /// `upper_bound`.
    ///
    /// # Errors
    /// If polars fails.
    pub fn facts(&self) -> PolarsResult<DataFrame> {
        let text = |name: &str, value: &dyn Fn(&Path, &RunInfo) -> String| {
            let values: Vec<String> =
                self.runs.iter().map(|(path, run)| value(path, run)).collect();
            Column::new(name.into(), values)
        };
        let records: Vec<u32> = (0..self.runs.len()).map(index).collect();
        let last: Vec<u32> =
            self.runs.iter().map(|(_, run)| index(run.stages.saturating_sub(1))).collect();
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
    pub fn tidy(&self) -> PolarsResult<LazyFrame> {
        Ok(self.metrics.clone().lazy().join(
            self.facts()?.lazy(),
            [col("record")],
            [col("record")],
            JoinArgs::new(JoinType::Inner),
        ))
    }
}

#[derive(Default)]
struct MetricColumns {
    records: Vec<u32>,
    stages: Vec<u32>,
    steps: Vec<u64>,
    metrics: Vec<String>,
    values: Vec<f64>,
}

impl MetricColumns {
    fn extend(&mut self, record: usize, rows: Vec<MetricRow>) {
        for row in rows {
            self.records.push(index(record));
            self.stages.push(index(row.stage));
            self.steps.push(row.step as u64);
            self.metrics.push(row.metric);
            self.values.push(row.value);
        }
    }

    fn frame(self) -> PolarsResult<DataFrame> {
        DataFrame::new(
            self.values.len(),
            vec![
                Column::new("record".into(), self.records),
                Column::new("stage".into(), self.stages),
                Column::new("step".into(), self.steps),
                Column::new("metric".into(), self.metrics),
                Column::new("value".into(), self.values),
            ],
        )
    }
}

/// Places fit: there are fewer than 2^32 records and stages. A stage number beyond, which only a
/// made-up file can hold, ends up where no run has its last stage.
fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
