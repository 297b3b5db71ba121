//! What successive halving leaves: for each task the setting that its validator prefers.

use std::collections::BTreeMap;

use super::configurations::{Labels, settings_text};
use super::runs::Candidates;
use super::selection::Wanted;
use super::settings::by_settings;
use super::{CompareOptions, Dimension};
use crate::statistics::mean;

/// Runs of one method on one data set, of one experiment where that is shown.
type Method = (String, String, String);

/// Where successive halving left several settings, the last checkpoints are those of one setting a
/// task: the one with the highest mean over the seeds of its validator's highest score in a run,
/// which is what halving itself goes by; of equals the first in the order of the values. They are
/// one row, with the method's name. Returns notes that say which settings they are.
pub(super) fn settle(
    labels: &mut Labels,
    candidates: &Candidates<'_>,
    options: &CompareOptions,
) -> Vec<String> {
    if !options.settings().is_empty() || labels.mixed.is_some() {
        return Vec::new();
    }
    let mut methods: BTreeMap<Method, (String, Vec<usize>)> = BTreeMap::new();
    for (place, label) in labels.methods.iter().enumerate() {
        let run = candidates.info(place);
        let Some(validator) = &run.halving else { continue };
        let experiment = match options.shows(&Dimension::Experiment) {
            true => run.experiment.clone(),
            false => String::new(),
        };
        let method = (run.dataset.clone(), experiment, label.pool.clone());
        methods.entry(method).or_insert_with(|| (validator.clone(), Vec::new())).1.push(place);
    }
    let mut notes = Vec::new();
    for ((.., pool), (validator, places)) in methods {
        let Some(winners) = winners(candidates, &validator, &places) else { continue };
        for &place in &places {
            let run = candidates.info(place);
            let label = &mut labels.methods[place];
            label.own.clone_from(&pool);
            label.stands =
                winners.get(&task(candidates, place)) == Some(&settings_text(&run.settings));
        }
        let tasks = winners.iter().map(|((_, task), settings)| format!("{settings} on {task}"));
        notes.push(format!(
            "`{pool}` after successive halving: the setting that `{validator}` scores highest, by \
             its mean over the seeds: {}.",
            tasks.collect::<Vec<_>>().join("; ")
        ));
    }
    notes
}

/// A setting, with the highest score of each of its runs where there is one.
type SettingScores = (String, Vec<Option<f64>>);

/// A task with its place in the experiment file.
type Task = (usize, String);

fn task(candidates: &Candidates<'_>, place: usize) -> Task {
    let run = candidates.info(place);
    (run.position.task, run.task.to_string())
}

/// The setting of each task; `None` where a task has no setting that the validator scored.
fn winners(
    candidates: &Candidates<'_>,
    validator: &str,
    places: &[usize],
) -> Option<BTreeMap<Task, String>> {
    let mut places = places.to_vec();
    places
        .sort_by(|&a, &b| by_settings(&candidates.info(a).settings, &candidates.info(b).settings));
    let mut scores: BTreeMap<Task, Vec<SettingScores>> = BTreeMap::new();
    for &place in &places {
        let settings = settings_text(&candidates.info(place).settings);
        let of_task = scores.entry(task(candidates, place)).or_default();
        let score = highest(candidates, validator, place);
        match of_task.iter_mut().find(|(known, _)| *known == settings) {
            Some((_, scores)) => scores.push(score),
            None => of_task.push((settings, vec![score])),
        }
    }
    let best = |settings: Vec<SettingScores>| {
        let mut best: Option<(f64, String)> = None;
        for (settings, scores) in settings {
            let scores: Option<Vec<f64>> = scores.into_iter().collect();
            let Some(score) = scores.and_then(|scores| mean(&scores)) else { continue };
            if best.as_ref().is_none_or(|(highest, _)| score > *highest) {
                best = Some((score, settings));
            }
        }
        best.map(|(_, settings)| settings)
    };
    scores.into_iter().map(|(task, settings)| Some((task, best(settings)?))).collect()
}

/// The highest score of a run's checkpoints.
fn highest(candidates: &Candidates<'_>, validator: &str, place: usize) -> Option<f64> {
    Wanted::choosable(candidates.checkpoints(place))
        .iter()
        .filter_map(|checkpoint| candidates.wanted.score(validator, checkpoint))
        .filter(|score| !score.is_nan())
        .reduce(f64::max)
}
