//! The choice among finished runs, without target labels, and how sure it is.

use std::collections::BTreeMap;

use isthmus_core::spec::Transform;
use isthmus_data::{Dataset, Descriptor, Views};
use isthmus_results::Record;

use super::pair::Pair;
use super::portfolio::BASELINE;
use crate::failure::Failure;

/// The validators whose ranks decide: of twelve they lost least when they chose among the methods of a
/// portfolio on the six tasks of Office-31's features, and were chosen by that.
const DECIDING: [&str; 2] = ["silhouette", "mixval"];

/// A method and what the validators say of it.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    /// Its label.
    pub label: String,
    /// Scores of its last checkpoint by validator, means over the seeds.
    pub scores: BTreeMap<String, f64>,
    /// The mean of its ranks by the deciding validators; 1 is the best.
    pub rank: f64,
}

/// What was chosen.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// All methods that were trained to the end, the best first.
    pub judged: Vec<Judged>,
    /// The validators that scored them.
    pub validators: Vec<&'static str>,
}

/// What target labels say afterwards.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Look {
    /// Nobody asked.
    NotAsked,
    /// The target has no labels.
    NoLabels,
    /// Accuracy by method, the best first.
    Accuracies(Vec<(String, f64)>),
}

impl Choice {
    /// Judges the last checkpoints of runs by their validators' scores.
    ///
    /// # Errors
    /// If there is no run.
    pub fn of(records: &[Record], validators: &[&'static str]) -> Result<Self, Failure> {
        let mut methods: BTreeMap<(usize, String), Vec<BTreeMap<String, f64>>> = BTreeMap::new();
        for record in records {
            let key = (record.run.position.method, record.run.method.clone());
            methods.entry(key).or_default().push(last_scores(record));
        }
        let judged = methods.into_iter().map(|((_, label), seeds)| {
            let mean = |name: &str| -> Option<f64> {
                let values: Vec<f64> =
                    seeds.iter().filter_map(|it| it.get(name).copied()).collect();
                let all = values.len() == seeds.len() && values.iter().all(|it| it.is_finite());
                all.then(|| values.iter().sum::<f64>() / values.len() as f64)
            };
            let scores = validators
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), mean(name)?)))
                .collect();
            Judged { label, scores, rank: 0.0 }
        });
        let mut judged: Vec<Judged> = judged.collect();
        if judged.is_empty() {
            return Err(Failure::Work(
                "no run was finished: there is nothing to choose".to_owned(),
            ));
        }
        let deciding = deciding(validators);
        let ranks: Vec<f64> = (0..judged.len())
            .map(|place| {
                let of = |name: &&str| rank(&judged, place, name);
                deciding.iter().map(of).sum::<f64>() / deciding.len() as f64
            })
            .collect();
        for (one, rank) in judged.iter_mut().zip(ranks) {
            one.rank = rank;
        }
        judged.sort_by(|a, b| a.rank.total_cmp(&b.rank));
        Ok(Self { judged, validators: validators.to_vec() })
    }

    /// The validators whose ranks decided.
    pub fn deciding(&self) -> Vec<&'static str> {
        deciding(&self.validators)
    }

    /// The label of the chosen method.
    pub fn label(&self) -> &str {
        &self.judged[0].label
    }

    /// The record of the chosen method's first seed.
    pub fn record<'r>(&self, records: &'r [Record]) -> &'r Record {
        let own = records.iter().filter(|record| record.run.method == self.label());
        own.min_by_key(|record| record.run.seed).expect("the choice is of these records")
    }

    /// How many of the validators prefer the choice to the baseline, of how many that score both;
    /// `None` where the baseline itself was chosen.
    pub fn agreement(&self) -> Option<(usize, usize)> {
        let chosen = &self.judged[0];
        let baseline = self.judged.iter().find(|one| one.label == BASELINE)?;
        if chosen.label == BASELINE {
            return None;
        }
        let pairs: Vec<(f64, f64)> = chosen
            .scores
            .iter()
            .filter_map(|(name, score)| Some((*score, *baseline.scores.get(name)?)))
            .collect();
        Some((pairs.iter().filter(|(own, other)| own > other).count(), pairs.len()))
    }

    /// The accuracy of every method on the target's labels, once everything is chosen.
    ///
    /// # Errors
    /// If predictions or labels cannot be read.
    pub fn look(&self, records: &[Record], pair: &Pair) -> Result<Look, Failure> {
        if !pair.target_has_labels {
            return Ok(Look::NoLabels);
        }
        let job = records.first().map(Record::job).transpose();
        let job = job.map_err(|error| Failure::Work(error.to_string()))?;
        let transform = job.and_then(|job| job.data.transform);
        let labels = labels(pair, transform.as_ref())?;
        let mut by_method: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for record in records {
            let predictions = record.predictions().map_err(|it| Failure::Work(it.to_string()))?;
            let Some(predictions) = predictions else { continue };
            let pairs = predictions.iter().zip(&labels);
            let known: Vec<bool> = pairs
                .filter_map(|(prediction, label)| Some(prediction.predicted == (*label)?))
                .collect();
            let right = known.iter().filter(|right| **right).count();
            let share = right as f64 / known.len().max(1) as f64;
            by_method.entry(&record.run.method).or_default().push(share);
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let mut all: Vec<(String, f64)> =
            by_method.iter().map(|(label, values)| ((*label).to_owned(), mean(values))).collect();
        all.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        Ok(Look::Accuracies(all))
    }
}

fn deciding(validators: &[&'static str]) -> Vec<&'static str> {
    DECIDING.into_iter().filter(|name| validators.contains(name)).collect()
}

/// The scores of the last evaluation of a run's last stage.
fn last_scores(record: &Record) -> BTreeMap<String, f64> {
    let of_last = record.metrics.iter().filter(|row| row.stage + 1 == record.run.stages);
    let last = of_last.clone().map(|row| row.step).max();
    of_last
        .filter(|row| Some(row.step) == last)
        .filter_map(|row| Some((row.metric.strip_prefix("validator/")?.to_owned(), row.value)))
        .collect()
}

/// The rank of a method by a validator's score, 1 the best, equals in the middle of their ranks; one
/// without a score is the last.
fn rank(judged: &[Judged], place: usize, validator: &str) -> f64 {
    let score = |one: &Judged| one.scores.get(validator).copied().unwrap_or(f64::NEG_INFINITY);
    let own = score(&judged[place]);
    let better = judged.iter().filter(|one| score(one) > own).count();
    let equal = judged.iter().filter(|one| score(one) == own).count();
    1.0 + better as f64 + (equal - 1) as f64 / 2.0
}

/// The classes of the target's samples, in order; `transform` brings the domains to one shape.
fn labels(pair: &Pair, transform: Option<&Transform>) -> Result<Vec<Option<u32>>, Failure> {
    let failed = |error: isthmus_core::error::DataError| Failure::input(error.to_string());
    let descriptor = Descriptor::find(&pair.dataset, &pair.roots).map_err(failed)?;
    let names = [pair.source.as_str(), pair.target.as_str()];
    let loaded =
        Dataset::load_named(&descriptor, &names, transform, &Views::default(), &pair.roots);
    let dataset = loaded.map_err(failed)?;
    Ok(dataset.domains[1].all().map_err(failed)?.targets.classes())
}
