//! Runs as comma-separated values: one line a run, with its settings and metrics.

use std::collections::{BTreeMap, BTreeSet};

use super::csv;
use crate::compare::runs::distinct;
use crate::compare::{CompareOptions, setting_text};
use crate::error::CompareError;
use crate::table::{Runs, last_stage};

/// Begins the heads of columns that hold values which a sweep set.
const SETTING_PREFIX: &str = "setting/";

/// One line a run that the options let take part: what was run, the values that a sweep set, and
/// every metric at its last evaluation in the last stage, with every digit. Fields are empty where
/// a run has no such setting or metric.
///
/// # Errors
/// If no finished record is found, or a filter names nothing that there is.
pub fn runs_csv(options: &CompareOptions) -> Result<String, CompareError> {
    let runs = Runs::load(&options.paths, options.rounds)?;
    if runs.runs.is_empty() {
        return Err(runs.none_found(&options.paths));
    }
    let places = distinct(&runs, options, &mut Vec::new())?;
    let settings: BTreeSet<&str> =
        places.iter().flat_map(|&it| runs.runs[it].1.settings.keys()).map(String::as_str).collect();
    let values: Vec<BTreeMap<u32, (u64, f64)>> =
        places.iter().map(|&place| last_values(&runs, place)).collect();
    let names = runs.metric_names();
    let metrics: BTreeSet<(&str, u32)> = values
        .iter()
        .flat_map(BTreeMap::keys)
        .map(|&metric| (names[metric as usize].as_str(), metric))
        .collect();

    let mut header: Vec<String> = [
        "experiment",
        "dataset",
        "method",
        "sources",
        "target",
        "seed",
        "round",
        "upper_bound",
        "run",
        "configuration",
        "data_fingerprint",
        "isthmus_version",
        "record",
    ]
    .map(str::to_owned)
    .to_vec();
    header.extend(settings.iter().map(|key| format!("{SETTING_PREFIX}{key}")));
    header.extend(["stage", "step"].map(str::to_owned));
    header.extend(metrics.iter().map(|(name, _)| (*name).to_owned()));

    let lines = places.iter().zip(&values).map(|(&place, values)| {
        let (path, run) = &runs.runs[place];
        let mut line = vec![
            run.experiment.clone(),
            run.dataset.clone(),
            run.method.clone(),
            run.task.sources.join(" + "),
            run.task.target.clone(),
            run.seed.to_string(),
            run.round.map_or_else(String::new, |round| round.to_string()),
            run.target_labels_used.to_string(),
            run.id.clone(),
            run.configuration.clone(),
            run.data_fingerprint.clone(),
            run.isthmus_version.clone(),
            path.display().to_string(),
        ];
        line.extend(
            settings
                .iter()
                .map(|key| run.settings.get(*key).map_or_else(String::new, setting_text)),
        );
        line.push(last_stage(run).to_string());
        let step = values.values().map(|(step, _)| step).max();
        line.push(step.map_or_else(String::new, u64::to_string));
        line.extend(metrics.iter().map(|(_, metric)| {
            values.get(metric).map_or_else(String::new, |(_, value)| format!("{value:?}"))
        }));
        line
    });
    Ok(csv::render(&header, lines))
}

/// Step and value of each metric at its last evaluation in the last stage.
fn last_values(runs: &Runs, place: usize) -> BTreeMap<u32, (u64, f64)> {
    let last = last_stage(&runs.runs[place].1);
    let mut values = BTreeMap::new();
    for row in runs.values(place).filter(|row| row.stage == last) {
        let latest = values.entry(row.metric).or_insert((row.step, row.value));
        if latest.0 <= row.step {
            *latest = (row.step, row.value);
        }
    }
    values
}
