//! Chooses the checkpoint that stands for each run, or for the runs of a sweep.

use std::collections::HashMap;

use isthmus_core::spec::Shift;
use isthmus_core::validation::SCORE_PREFIX;
use rayon::prelude::*;

use super::configurations::{Labels, MethodLabel};
use super::filter::{Filter, admits_shift, admitted};
use super::measured::{Compared, without_labels};
use super::selection::{Checkpoint, Wanted};
use super::settings::by_settings;
use super::{CompareOptions, Dimension, Selection};
use crate::error::CompareError;
use crate::record::{RecordWarning, RunInfo};
use crate::table::{Runs, last_stage};
use crate::words::{count, similar};

/// A chosen checkpoint with the value that is compared.
#[derive(Debug)]
pub(crate) struct Chosen<'a> {
    pub run: &'a RunInfo,
    /// The name of its method's row.
    pub method: &'a str,
    pub selection: &'a Selection,
    /// The domain of a stream that the value is of; absent where it is of the whole target.
    pub shift: Option<&'a Shift>,
    pub value: f64,
    /// Whether its predictions fall into few classes.
    pub collapsed: bool,
}

/// The runs that take part, with their evaluations.
pub(crate) struct Candidates<'a> {
    pub runs: &'a Runs,
    pub compared: &'a Compared,
    /// Places of the runs.
    pub kept: Vec<usize>,
    /// Places of runs whose target has no labels: nothing can be compared by the measure.
    pub unlabelled: Vec<usize>,
    pub wanted: Wanted,
    checkpoints: Vec<Vec<Checkpoint>>,
    by_experiment: bool,
    /// The settings that are rows or columns.
    settings: Vec<Dimension>,
    /// Where domains of streams are compared, the filters that they must meet.
    shift_filters: Option<Vec<Filter>>,
}

/// The places of the runs that meet the filters, each run once.
pub(crate) fn distinct(
    runs: &Runs,
    options: &CompareOptions,
    notes: &mut Vec<String>,
) -> Result<Vec<usize>, CompareError> {
    without_copies(runs, admitted(runs, &options.filters)?, options, notes)
}

impl<'a> Candidates<'a> {
    /// The runs of a group with their evaluations in the last stage.
    pub fn new(
        runs: &'a Runs,
        compared: &'a Compared,
        options: &CompareOptions,
        notes: &mut Vec<String>,
    ) -> Result<Self, CompareError> {
        let wanted = Wanted::new(runs, compared);
        let all: Vec<(usize, Vec<Checkpoint>)> =
            compared.runs.par_iter().map(|&run| (run, wanted.checkpoints(runs, run))).collect();
        let by_experiment = options.shows(&Dimension::Experiment);
        let (mut kept, mut checkpoints) = (Vec::new(), Vec::new());
        let (mut unlabelled, mut without) = (Vec::new(), Vec::new());
        for (run, evaluations) in all {
            if evaluations.iter().any(|evaluation| wanted.metric(evaluation).is_some()) {
                kept.push(run);
                checkpoints.push(evaluations);
            } else if compared.lacks_labels(runs, run) {
                unlabelled.push(run);
            } else {
                without.push(run);
            }
        }
        let metric = &compared.measure.name;
        if kept.is_empty() && unlabelled.is_empty() {
            return Err(no_metric(runs, &without, metric));
        }
        if let Some(&first) = without.first() {
            notes.push(format!(
                "{} without `{metric}` in the last stage: {}{}.",
                count(without.len(), "run"),
                runs.runs[first].0.display(),
                if without.len() > 1 { ", …" } else { "" }
            ));
        }
        if !unlabelled.is_empty() {
            notes.push(without_labels(&compared.measure, unlabelled.len()));
        }
        let shift_filters = options.shift_filters();
        if shift_filters.is_some() {
            let has_none = |&&place: &&usize| runs.runs[place].1.task.shifts.is_empty();
            let without = kept.iter().filter(has_none).count();
            if without > 0 {
                notes.push(format!(
                    "{} on a target of one domain left out: they have no shifts.",
                    count(without, "run")
                ));
            }
            if !kept.is_empty() && !wanted.has_shifts() {
                return Err(CompareError::NoShiftValues(metric.clone()));
            }
        }
        Ok(Self {
            runs,
            compared,
            kept,
            unlabelled,
            wanted,
            checkpoints,
            by_experiment,
            settings: options.settings(),
            shift_filters,
        })
    }

    /// What is known of the run in this place of `kept`.
    pub fn info(&self, place: usize) -> &'a RunInfo {
        &self.runs.runs[self.kept[place]].1
    }

    /// Its evaluations in the last stage, by step.
    pub fn checkpoints(&self, place: usize) -> &[Checkpoint] {
        &self.checkpoints[place]
    }

    /// Whether any of the runs has a score.
    pub fn have_scores(&self) -> bool {
        self.validators().next().is_some()
    }

    /// The validators of which a run that takes part has scores.
    pub fn validators(&self) -> impl Iterator<Item = &str> {
        self.wanted.validators().filter(|name| {
            self.checkpoints.iter().flatten().any(|c| self.wanted.score(name, c).is_some())
        })
    }

    /// The choices of one kind. The last checkpoint is that of each run; others are chosen among
    /// all runs of a sweep, and so is the last one where `pooled` is set and there is one run to
    /// choose from.
    pub fn choose(
        &self,
        selection: &'a Selection,
        labels: &'a Labels,
        pooled: bool,
        warnings: &mut Vec<RecordWarning>,
    ) -> Vec<Chosen<'a>> {
        let mut pools: Vec<Vec<usize>> = Vec::new();
        if *selection == Selection::Last && !pooled {
            let standing = (0..self.kept.len()).filter(|&place| labels.methods[place].stands);
            pools.extend(standing.map(|place| vec![place]));
        } else {
            let mut places = HashMap::new();
            for place in 0..self.kept.len() {
                let info = self.info(place);
                let experiment = if self.by_experiment { info.experiment.as_str() } else { "" };
                let label = labels.methods[place].pool.as_str();
                // What stands in rows or columns of its own is not chosen among.
                let apart: Vec<String> =
                    self.settings.iter().map(|it| it.value(info, "", "")).collect();
                let key = (&info.dataset, experiment, label, &info.task, info.seed, apart);
                let pool = *places.entry(key).or_insert_with(|| {
                    pools.push(Vec::new());
                    pools.len() - 1
                });
                pools[pool].push(place);
            }
            if *selection == Selection::Last {
                pools.iter_mut().for_each(|it| it.retain(|&place| labels.methods[place].stands));
                pools.retain(|pool| pool.len() == 1);
            }
            pools.iter_mut().for_each(|pool| self.sort_pool(pool));
        }
        self.warn_of_missing_scores(selection, warnings);
        pools
            .into_iter()
            .filter_map(|pool| {
                let runs = pool.iter().map(|&place| (place, self.checkpoints[place].as_slice()));
                let (place, checkpoint) = self.wanted.choose(selection, runs)?;
                let MethodLabel { own, pool, .. } = &labels.methods[place];
                let method = if pooled || *selection != Selection::Last { pool } else { own };
                let run = self.info(place);
                let collapsed = self.wanted.collapsed(checkpoint);
                let whole =
                    |value| Chosen { run, method, selection, shift: None, value, collapsed };
                Some(match &self.shift_filters {
                    None => self.wanted.metric(checkpoint).map(whole).into_iter().collect(),
                    Some(filters) => self.by_shift(run, checkpoint, filters, whole),
                })
            })
            .flatten()
            .collect()
    }

    /// What `chosen` makes of the value of each domain of a run's stream.
    fn by_shift(
        &self,
        run: &'a RunInfo,
        checkpoint: &Checkpoint,
        filters: &[Filter],
        chosen: impl Fn(f64) -> Chosen<'a>,
    ) -> Vec<Chosen<'a>> {
        let shifts = run.task.shifts.iter().filter(|shift| admits_shift(filters, shift));
        shifts
            .filter_map(|shift| {
                let value = self.wanted.of_shift(&shift.name(), checkpoint)?;
                // How far predictions spread is known of the whole stream only.
                Some(Chosen { shift: Some(shift), collapsed: false, ..chosen(value) })
            })
            .collect()
    }

    /// Puts runs of one method, task and seed in the order of their sweep's values: of equal
    /// scores the first is chosen.
    pub fn sort_pool(&self, pool: &mut [usize]) {
        if pool.len() > 1 {
            pool.sort_by(|&a, &b| by_settings(&self.info(a).settings, &self.info(b).settings));
        }
    }

    /// Whether a sweep leaves the last checkpoint without a single choice.
    pub fn has_sweeps(&self, labels: &Labels) -> bool {
        labels.methods.iter().any(|label| label.own != label.pool)
    }

    fn warn_of_missing_scores(&self, selection: &Selection, warnings: &mut Vec<RecordWarning>) {
        let what = match selection {
            Selection::Last => return,
            Selection::Validator(name) => format!("{SCORE_PREFIX}{name}"),
            Selection::Oracle => self.compared.primary.name.clone(),
        };
        let lacks = |checkpoint: &Checkpoint| {
            let score = match selection {
                Selection::Validator(name) => self.wanted.score(name, checkpoint),
                _ => self.wanted.primary(checkpoint),
            };
            score.is_none_or(f64::is_nan)
        };
        let mut without = self
            .checkpoints
            .iter()
            .enumerate()
            .filter(|(_, checkpoints)| Wanted::choosable(checkpoints).iter().all(lacks));
        let Some((first, _)) = without.next() else { return };
        let others = without.count();
        let more = match others {
            0 => String::new(),
            1 => ", as is 1 more run".to_owned(),
            others => format!(", as are {others} more runs"),
        };
        warnings.push(RecordWarning {
            path: self.runs.runs[self.kept[first]].0.clone(),
            reason: format!(
                "left out of the choice by {selection}, since it has no value of `{what}` in its \
                 last stage{more}"
            ),
        });
    }
}

/// Copies of a record, and jobs that several experiments share, count once.
fn without_copies(
    runs: &Runs,
    all: Vec<usize>,
    options: &CompareOptions,
    notes: &mut Vec<String>,
) -> Result<Vec<usize>, CompareError> {
    let by_experiment = options.shows(&Dimension::Experiment);
    let mut places: HashMap<(&str, &str), usize> = HashMap::with_capacity(all.len());
    let mut kept = Vec::with_capacity(all.len());
    let mut copies = 0;
    for place in all {
        let (path, run) = &runs.runs[place];
        let experiment = if by_experiment { run.experiment.as_str() } else { "" };
        match places.get(&(experiment, run.id.as_str())) {
            None => {
                places.insert((experiment, &run.id), place);
                kept.push(place);
            }
            Some(&first) if same_values(runs, first, place) => copies += 1,
            Some(&first) => {
                return Err(CompareError::Ambiguous {
                    first: runs.runs[first].0.clone(),
                    second: path.clone(),
                    difference: "with different results",
                });
            }
        }
    }
    if copies > 0 {
        notes.push(format!("{} found more than once and counted once.", count(copies, "run")));
    }
    Ok(kept)
}

fn same_values(runs: &Runs, first: usize, second: usize) -> bool {
    let bits =
        |run| runs.values(run).map(|row| (row.stage, row.step, row.metric, row.value.to_bits()));
    bits(first).eq(bits(second))
}

/// The error that says which metrics there are.
fn no_metric(runs: &Runs, places: &[usize], metric: &str) -> CompareError {
    let names = runs.metric_names();
    let mut there = vec![false; names.len()];
    for &place in places {
        let last = last_stage(&runs.runs[place].1);
        for row in runs.values(place).filter(|row| row.stage == last) {
            there[row.metric as usize] = true;
        }
    }
    let mut available: Vec<String> =
        names.iter().zip(there).filter(|(_, there)| *there).map(|(name, _)| name.clone()).collect();
    available.sort();
    let suggestion = similar(metric, &available);
    CompareError::NoMetric { metric: metric.to_owned(), suggestion, available }
}

impl CompareOptions {
    /// The settings of sweeps that are rows or columns.
    pub(super) fn settings(&self) -> Vec<Dimension> {
        let all = [&self.rows, &self.columns].into_iter();
        all.filter(|it| matches!(it, Dimension::Setting(_))).cloned().collect()
    }

    /// Where domains of streams are compared, the filters that concern them.
    fn shift_filters(&self) -> Option<Vec<Filter>> {
        let filters: Vec<Filter> =
            self.filters.iter().filter(|filter| filter.is_of_shifts()).cloned().collect();
        let shown = self.rows.is_of_shifts() || self.columns.is_of_shifts();
        (shown || !filters.is_empty()).then_some(filters)
    }

    /// Whether the dimension is the rows or the columns.
    pub(super) fn shows(&self, dimension: &Dimension) -> bool {
        self.rows == *dimension || self.columns == *dimension
    }
}
