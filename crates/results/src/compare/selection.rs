//! How the checkpoint that stands for a run is chosen.

use std::fmt;

use std::collections::BTreeMap;

use isthmus_core::metric::{Direction, EFFECTIVE_CLASSES, TARGET_PREFIX};
use isthmus_core::validation::SCORE_PREFIX;

use super::measured::Compared;
use crate::table::{Runs, last_stage};

/// Below this part of all classes a choice's predictions have collapsed.
const COLLAPSED: f64 = 0.5;

/// How the checkpoint is chosen, within a run and among the runs of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Selection {
    /// The last one; each setting of a sweep stands for itself.
    Last,
    /// The one with the largest score of this validator.
    Validator(String),
    /// The one with the best primary metric on the target, which takes target labels.
    Oracle,
}

impl Selection {
    /// The name that users write and tables show.
    pub fn name(&self) -> &str {
        match self {
            Self::Last => "last",
            Self::Validator(name) => name,
            Self::Oracle => "oracle",
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which choices a comparison shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selections {
    /// The last checkpoints and, where runs have validators' scores, below them all choices side
    /// by side.
    #[default]
    Overview,
    /// One.
    One(Selection),
    /// A table for each: last, every validator that has scores, oracle.
    All,
}

impl From<&str> for Selections {
    /// `last`, `oracle`, `all`, or the name of a validator.
    fn from(text: &str) -> Self {
        match text {
            "all" => Self::All,
            "last" => Self::One(Selection::Last),
            "oracle" => Self::One(Selection::Oracle),
            name => Self::One(Selection::Validator(
                name.strip_prefix(SCORE_PREFIX).unwrap_or(name).to_owned(),
            )),
        }
    }
}

/// An evaluation in the last stage of a run.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    pub step: u64,
    /// By place in [`Wanted`].
    values: Vec<Option<f64>>,
}

/// What of each evaluation is needed.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// By the metric's number its place in a checkpoint.
    slots: Vec<Option<usize>>,
    metric: usize,
    primary: usize,
    /// The primary metric's.
    direction: Direction,
    effective_classes: usize,
    validators: Vec<(String, usize)>,
    /// Of the measure of each domain of a stream, by the domain's name.
    shifts: BTreeMap<String, usize>,
    width: usize,
}

impl Wanted {
    /// The measure, the validators' scores, and what choices need.
    pub(crate) fn new(runs: &Runs, compared: &Compared) -> Self {
        let names = runs.metric_names();
        let mut slots: Vec<Option<usize>> = vec![None; names.len()];
        let mut width = 0;
        // A metric that no run has gets a place that is never filled.
        let mut slot = |name: &str| match runs.metric(name).map(|number| number as usize) {
            Some(number) => *slots[number].get_or_insert_with(|| {
                width += 1;
                width - 1
            }),
            None => {
                width += 1;
                width - 1
            }
        };
        let primary = slot(&compared.primary.name);
        let effective_classes = slot(&format!("{TARGET_PREFIX}{EFFECTIVE_CLASSES}"));
        let metric = slot(&compared.measure.name);
        let mut validators: Vec<(String, usize)> = names
            .iter()
            .filter_map(|name| Some((name.strip_prefix(SCORE_PREFIX)?.to_owned(), slot(name))))
            .collect();
        validators.sort();
        let of_shift = |name: &String| {
            let shift = name.strip_prefix(&compared.measure.name)?.strip_prefix('/')?;
            Some((shift.to_owned(), slot(name)))
        };
        let shifts = names.iter().filter_map(of_shift).collect();
        let direction = compared.primary.direction.unwrap_or(Direction::Higher);
        Self { slots, metric, primary, direction, effective_classes, validators, shifts, width }
    }

    /// The validators that have scores, sorted.
    pub(crate) fn validators(&self) -> impl Iterator<Item = &str> {
        self.validators.iter().map(|(name, _)| name.as_str())
    }

    /// The evaluations of the run's last stage by step; of several at one step the values that
    /// were written last.
    pub(crate) fn checkpoints(&self, runs: &Runs, run: usize) -> Vec<Checkpoint> {
        let last = last_stage(&runs.runs[run].1);
        let mut checkpoints: Vec<Checkpoint> = Vec::new();
        for row in runs.values(run).filter(|row| row.stage == last) {
            let Some(slot) = self.slots[row.metric as usize] else { continue };
            let place = checkpoints.iter().rposition(|there| there.step == row.step);
            let place = place.unwrap_or_else(|| {
                checkpoints.push(Checkpoint { step: row.step, values: vec![None; self.width] });
                checkpoints.len() - 1
            });
            checkpoints[place].values[slot] = Some(row.value);
        }
        checkpoints.sort_by_key(|checkpoint| checkpoint.step);
        checkpoints
    }

    /// The checkpoints that can be chosen: those after a step, or the one before where there is
    /// none.
    pub(crate) fn choosable(checkpoints: &[Checkpoint]) -> &[Checkpoint] {
        let first = checkpoints.iter().position(|checkpoint| checkpoint.step > 0).unwrap_or(0);
        &checkpoints[first..]
    }

    pub(crate) fn metric(&self, checkpoint: &Checkpoint) -> Option<f64> {
        checkpoint.values[self.metric]
    }

    /// Whether the measure is known of single domains of streams.
    pub(crate) fn has_shifts(&self) -> bool {
        !self.shifts.is_empty()
    }

    /// The measure of a domain of a stream.
    pub(crate) fn of_shift(&self, name: &str, checkpoint: &Checkpoint) -> Option<f64> {
        checkpoint.values[*self.shifts.get(name)?]
    }

    /// The primary metric on the target.
    pub(crate) fn primary(&self, checkpoint: &Checkpoint) -> Option<f64> {
        checkpoint.values[self.primary]
    }

    /// The score of a validator; `Some(NaN)` where it is undefined.
    pub(crate) fn score(&self, validator: &str, checkpoint: &Checkpoint) -> Option<f64> {
        let place = self.validators.binary_search_by(|(name, _)| name.as_str().cmp(validator));
        checkpoint.values[self.validators[place.ok()?].1]
    }

    pub(crate) fn collapsed(&self, checkpoint: &Checkpoint) -> bool {
        checkpoint.values[self.effective_classes].is_some_and(|part| part < COLLAPSED)
    }

    /// What a choice goes by: the largest is chosen.
    pub(crate) fn rating(&self, selection: &Selection, checkpoint: &Checkpoint) -> Option<f64> {
        let rating = match selection {
            Selection::Last => self.metric(checkpoint).map(|_| checkpoint.step as f64),
            Selection::Validator(name) => self.score(name, checkpoint),
            Selection::Oracle => self.primary(checkpoint).map(|it| self.direction.upwards(it)),
        };
        rating.filter(|rating| !rating.is_nan())
    }

    /// The choice among the checkpoints of runs: place of the run and checkpoint. Of equal
    /// ratings the first counts: in the order of the runs, then of the steps.
    pub(crate) fn choose<'a>(
        &self,
        selection: &Selection,
        runs: impl Iterator<Item = (usize, &'a [Checkpoint])>,
    ) -> Option<(usize, &'a Checkpoint)> {
        if *selection == Selection::Last {
            let latest = |(run, checkpoints): (usize, &'a [Checkpoint])| {
                let found = checkpoints.iter().rev().find(|c| self.metric(c).is_some())?;
                Some((run, found))
            };
            return runs.filter_map(latest).next();
        }
        let mut best: Option<(f64, usize, &Checkpoint)> = None;
        for (run, checkpoints) in runs {
            for checkpoint in Self::choosable(checkpoints) {
                let Some(score) = self.rating(selection, checkpoint) else { continue };
                // The first of equals stays.
                if best.is_none_or(|(highest, ..)| score > highest) {
                    best = Some((score, run, checkpoint));
                }
            }
        }
        best.map(|(_, run, checkpoint)| (run, checkpoint))
    }

    /// The best value of the metric among the checkpoints that can be chosen.
    pub(crate) fn best(&self, checkpoints: &[Checkpoint], direction: Direction) -> Option<f64> {
        Self::choosable(checkpoints)
            .iter()
            .filter_map(|checkpoint| self.metric(checkpoint))
            .filter(|value| !value.is_nan())
            .map(|value| direction.upwards(value))
            .reduce(f64::max)
    }
}
