//! Compares runs: means and their spread over seeds, one table a data set.

mod axis;
mod baseline;
mod cells;
pub(crate) mod configurations;
mod dimension;
mod filter;
mod label_free;
pub(crate) mod measured;
pub(crate) mod ranks;
pub(crate) mod runs;
pub(crate) mod selection;
pub(crate) mod settings;
mod shape;
mod tables;
mod winners;

use std::path::PathBuf;

pub use baseline::{Baseline, Difference, PairedTest};
pub use configurations::settings_text;
pub use dimension::{Dimension, Label, setting};
pub use filter::{Filter, setting_text};
pub use isthmus_core::metric::{Direction, Measure, Unit};
pub use label_free::{LabelFreeRow, LabelFreeTable};
pub use selection::{Selection, Selections};
pub use settings::by_value;

use self::configurations::Labels;
use self::measured::Compared;
use self::runs::{Candidates, Chosen};
use self::shape::Shape;
use crate::error::CompareError;
use crate::record::{RecordWarning, Rounds};
pub use crate::statistics::Summary;
use crate::table::Runs;
use crate::words::similar;

/// What the mark of cells means whose choices predict few classes.
pub(crate) const COLLAPSED_NOTE: &str = "† A choice behind this cell predicts few classes: the \
    effective number of predicted classes is under half of all classes.";

/// What to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompareOptions {
    /// Folders of results or files of records.
    pub paths: Vec<PathBuf>,
    /// The metric; its value at the chosen checkpoint of each run's last stage is compared. The
    /// primary metric of each run on the target where none is named.
    pub metric: Option<String>,
    /// What the rows are.
    pub rows: Dimension,
    /// What the columns are.
    pub columns: Dimension,
    /// How checkpoints are chosen.
    pub selections: Selections,
    /// Which runs take part; all without filters.
    pub filters: Vec<Filter>,
    /// Whether runs of earlier rounds of successive halving take part.
    pub rounds: Rounds,
    /// What stands behind the means.
    pub spread: Spread,
    /// The method that the others are tested against.
    pub baseline: Option<Baseline>,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            paths: vec![PathBuf::from("results")],
            metric: None,
            rows: Dimension::Method,
            columns: Dimension::Task,
            selections: Selections::Overview,
            filters: Vec::new(),
            rounds: Rounds::Last,
            spread: Spread::StandardDeviation,
            baseline: None,
        }
    }
}

/// What stands behind a mean over seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// The sample standard deviation.
    #[default]
    StandardDeviation,
    /// Half the width of the 95 % interval of the mean, by Student's t.
    Interval95,
}

impl Spread {
    /// Its value for a cell; `None` for a single seed.
    pub fn of(self, summary: &Summary) -> Option<f64> {
        match self {
            Self::StandardDeviation => summary.standard_deviation,
            Self::Interval95 => summary.interval_95(),
        }
    }
}

/// The answer: tables, and what a reader must know of them.
#[derive(Debug)]
pub struct Comparison {
    /// What the rows are.
    pub rows: Dimension,
    /// What the columns are.
    pub columns: Dimension,
    /// What stands behind the means.
    pub spread: Spread,
    /// The method that the others are tested against.
    pub baseline: Option<Baseline>,
    /// One table a data set, metric and selection, each data set's overview of all selections
    /// after it; data sets and selections that are rows or columns share a table.
    pub tables: Vec<Table>,
    /// One table a data set of the runs whose targets have no labels.
    pub label_free: Vec<LabelFreeTable>,
    /// Sentences that belong below the tables.
    pub notes: Vec<String>,
    /// Records that were left out, and why.
    pub warnings: Vec<RecordWarning>,
}

/// Means and their spread on one data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What its numbers are.
    pub measure: Measure,
    /// The data set; `None` where it is a row or a column.
    pub dataset: Option<String>,
    /// The method, where the table is of one: rows and columns are then domains of a stream.
    pub method: Option<String>,
    /// How checkpoints were chosen; `None` where that is a row or a column.
    pub selection: Option<Selection>,
    /// What the rows are.
    pub row_dimension: Dimension,
    /// What the columns are.
    pub column_dimension: Dimension,
    /// The columns.
    pub columns: Vec<Label>,
    /// The rows; upper bounds last.
    pub rows: Vec<Row>,
    /// Whether the rows end in an average over the columns.
    pub has_average: bool,
    /// Whether the rows have an average rank.
    pub has_rank: bool,
    /// The row that the others are compared with.
    pub baseline: Option<String>,
}

/// One row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is.
    pub label: Label,
    /// One cell a column; `None` where there is no run.
    pub cells: Vec<Option<Summary>>,
    /// For each seed the mean over the columns, then mean and spread over seeds; `None` where a
    /// cell is missing or no seed has all of them.
    pub average: Option<Summary>,
    /// The mean over the columns of its rank by mean, 1 for the best, ties averaged; `None` for
    /// upper bounds and where a cell is missing.
    pub rank: Option<f64>,
    /// How it differs from the baseline; `None` for the baseline itself and without pairs.
    pub difference: Option<Difference>,
}

/// Reads the records below the paths and compares them.
///
/// # Errors
/// If no finished record is found, none has the metric or the scores, a filter or the baseline
/// names nothing that there is, or runs would be averaged that are not the same thing.
pub fn compare(options: &CompareOptions) -> Result<Comparison, CompareError> {
    if options.rows == options.columns {
        return Err(CompareError::SameDimension(options.rows.name().to_owned()));
    }
    if options.baseline.is_some() && options.rows != Dimension::Method {
        return Err(CompareError::BaselineRows(options.rows.name().to_owned()));
    }
    let runs = Runs::load(&options.paths, options.rounds)?;
    compare_runs(runs, options)
}

/// Compares runs that were read before.
///
/// # Errors
/// As [`compare`].
pub fn compare_runs(runs: Runs, options: &CompareOptions) -> Result<Comparison, CompareError> {
    if options.rows == options.columns {
        return Err(CompareError::SameDimension(options.rows.name().to_owned()));
    }
    if runs.runs.is_empty() {
        return Err(runs.none_found(&options.paths));
    }
    let mut notes: Vec<String> = runs.rounds_note.iter().cloned().collect();
    let places = runs::distinct(&runs, options, &mut notes)?;
    for dimension in [&options.rows, &options.columns] {
        dimension::refuse_unknown(dimension, &runs, &places)?;
    }
    let mut parts = Parts { notes, ..Parts::default() };
    for compared in Compared::groups(&runs, places, options.metric.as_deref()) {
        match parts.add(&runs, &compared, options) {
            // Other runs may have what these lack.
            Err(error @ CompareError::NoMetric { .. }) => parts.lacking.push(error),
            result => result?,
        }
    }
    let comparison = parts.finish(options)?;
    let mut warnings = runs.warnings;
    warnings.extend(comparison.warnings);
    Ok(Comparison { warnings, ..comparison })
}

/// What was made of groups of runs so far.
#[derive(Default)]
struct Parts {
    built: tables::Built,
    label_free: Vec<LabelFreeTable>,
    notes: Vec<String>,
    warnings: Vec<RecordWarning>,
    /// Of groups without the metric, why.
    lacking: Vec<CompareError>,
}

impl Parts {
    /// Adds the tables of one group.
    fn add(
        &mut self,
        runs: &Runs,
        compared: &Compared,
        options: &CompareOptions,
    ) -> Result<(), CompareError> {
        let Self { built, label_free, notes, warnings, .. } = self;
        let candidates = Candidates::new(runs, compared, options, notes)?;
        label_free.extend(label_free::tables(&candidates, options, notes)?);
        if candidates.kept.is_empty() {
            return Ok(());
        }
        let measure = &compared.measure;
        let mut labels = configurations::method_labels(runs, &candidates.kept, options, notes)?;
        notes.extend(winners::settle(&mut labels, &candidates, options));
        let all = all_selections(&candidates);
        let side_by_side = options.shows(&Dimension::Selection);
        let shape = Shape { rows: options.rows.clone(), columns: options.columns.clone() };
        if side_by_side {
            labels.refuse_mixed()?;
            let chosen = choose_all(&candidates, &all, &labels, warnings);
            built.add(&chosen, measure, None, &shape, options)?;
        } else {
            for selection in &wanted_selections(options, &candidates, &all)? {
                let selection =
                    all.iter().find(|known| *known == selection).unwrap_or(&Selection::Last);
                if *selection != Selection::Last {
                    labels.refuse_mixed()?;
                }
                let chosen = candidates.choose(selection, &labels, false, warnings);
                built.add(&chosen, measure, Some(selection), &shape, options)?;
            }
        }
        let overview = options.selections == Selections::Overview
            && options.rows == Dimension::Method
            && options.columns.is_averaged()
            && candidates.have_scores();
        if overview && labels.mixed.is_some() {
            notes.push(
                "Runs of one sweep differ in more than its settings: nothing was chosen among \
                 them. Name the paths of one sweep to see choices."
                    .to_owned(),
            );
        } else if overview {
            let chosen = choose_all(&candidates, &all, &labels, warnings);
            let shape = Shape { rows: Dimension::Method, columns: Dimension::Selection };
            built.add(&chosen, measure, None, &shape, options)?;
        }
        if (overview || side_by_side) && candidates.has_sweeps(&labels) && labels.mixed.is_none() {
            notes.push(
                "Choices are made among the runs and checkpoints of a sweep; the last checkpoint \
                 of a sweep with several settings is no choice."
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn finish(self, options: &CompareOptions) -> Result<Comparison, CompareError> {
        let Self { built, label_free, mut notes, warnings, lacking } = self;
        if built.is_empty() && label_free.is_empty() {
            return Err(lacking.into_iter().next().unwrap_or(CompareError::NothingCompared));
        }
        if let (Some(baseline), false) = (&options.baseline, built.has_baseline()) {
            return Err(CompareError::NoBaseline {
                baseline: baseline.method.clone(),
                methods: built.row_names(),
            });
        }
        let (tables, mut explained) = built.finish(options);
        explained.append(&mut notes);
        let mut comparison = Comparison {
            rows: options.rows.clone(),
            columns: options.columns.clone(),
            spread: options.spread,
            baseline: options.baseline.clone(),
            tables,
            label_free,
            notes: explained,
            warnings,
        };
        if comparison.has_collapsed() {
            comparison.notes.push(COLLAPSED_NOTE.to_owned());
        }
        Ok(comparison)
    }
}

/// Every selection that the runs allow.
fn all_selections(candidates: &Candidates<'_>) -> Vec<Selection> {
    let validators = candidates.validators().map(|name| Selection::Validator(name.to_owned()));
    [Selection::Last].into_iter().chain(validators).chain([Selection::Oracle]).collect()
}

fn wanted_selections(
    options: &CompareOptions,
    candidates: &Candidates<'_>,
    all: &[Selection],
) -> Result<Vec<Selection>, CompareError> {
    let selection = match &options.selections {
        Selections::Overview => &Selection::Last,
        Selections::All => return Ok(all.to_vec()),
        Selections::One(selection) => selection,
    };
    if let Selection::Validator(name) = selection
        && !all.contains(selection)
    {
        let available: Vec<String> = candidates.validators().map(str::to_owned).collect();
        let suggestion = similar(name, &available);
        return Err(CompareError::NoScores { validator: name.clone(), suggestion, available });
    }
    Ok(vec![selection.clone()])
}

fn choose_all<'a>(
    candidates: &Candidates<'a>,
    all: &'a [Selection],
    labels: &'a Labels,
    warnings: &mut Vec<RecordWarning>,
) -> Vec<Chosen<'a>> {
    all.iter().flat_map(|selection| candidates.choose(selection, labels, true, warnings)).collect()
}
