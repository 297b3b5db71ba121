//! Which validator can be trusted: how its scores go with the accuracy on the target, and what its
//! choices cost.
//!
//! A correlation is computed within each task, over the checkpoints of all runs on it, and then
//! averaged over the tasks: tasks differ in how hard they are, and a validator is not there to
//! tell them apart. The regret is the best value among the checkpoints of one method (and its
//! sweep), task and seed, less the value of the checkpoint that the validator chooses among them,
//! averaged over methods, tasks and seeds. Of checkpoints with equal scores the first is chosen, in
//! the order of the sweep's values, then of the steps; the regret over ties is the mean over all of
//! them, which depends on no order. Undefined scores (NaN) are left out and counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use crate::compare::configurations::{Labels, method_labels};
use crate::compare::measured::Compared;
use crate::compare::ranks::rounded;
use crate::compare::runs::{Candidates, distinct};
use crate::compare::selection::Wanted;
use crate::compare::{CompareOptions, Direction, Filter, Measure, Selection};
use crate::error::CompareError;
use crate::record::{RecordWarning, Rounds};
use crate::statistics::{mean, spearman, weighted_spearman};
use crate::table::Runs;
use crate::words::count;

/// Which validators to judge by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorOptions {
    /// Folders of results or files of records.
    pub paths: Vec<PathBuf>,
    /// The metric that scores should go with; the primary metric of each run on the target where
    /// none is named.
    pub metric: Option<String>,
    /// Which runs take part; all without filters.
    pub filters: Vec<Filter>,
    /// Whether runs of earlier rounds of successive halving take part.
    pub rounds: Rounds,
}

impl Default for ValidatorOptions {
    fn default() -> Self {
        let CompareOptions { paths, metric, filters, rounds, .. } = CompareOptions::default();
        Self { paths, metric, filters, rounds }
    }
}

/// The answer.
#[derive(Debug)]
pub struct ValidatorTables {
    /// One a data set and metric.
    pub datasets: Vec<DatasetValidators>,
    /// Sentences that belong below the tables.
    pub notes: Vec<String>,
    /// Records that were left out, and why.
    pub warnings: Vec<RecordWarning>,
}

/// The validators on one data set.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetValidators {
    /// The data set.
    pub dataset: String,
    /// The metric that scores should go with.
    pub measure: Measure,
    /// The methods, in the order of the experiment files.
    pub methods: Vec<String>,
    /// The validators, that with the smallest regret over ties first.
    pub validators: Vec<Judgement>,
}

/// How well a validator does.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Its name.
    pub validator: String,
    /// Over all methods.
    pub all: Quality,
    /// By method.
    pub by_method: Vec<Quality>,
}

/// How well scores and choices go with a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// Spearman's rank correlation with the metric, the mean over tasks, in [-1, 1].
    pub spearman: Option<f64>,
    /// The weighted rank correlation ([`weighted_spearman`]), the mean over tasks, in [-1, 1].
    pub weighted_spearman: Option<f64>,
    /// What the choices fall short of the best checkpoints, the mean over choices; of equal
    /// scores the first is chosen.
    pub regret: Option<f64>,
    /// The same with each choice's mean over all checkpoints that share its highest score.
    pub regret_over_ties: Option<f64>,
    /// Number of choices between several checkpoints with the highest score.
    pub tied: usize,
    /// Number of choices: of methods, tasks and seeds.
    pub choices: usize,
    /// Number of checkpoints with a score.
    pub checkpoints: usize,
    /// Number of checkpoints whose score is undefined.
    pub undefined: usize,
}

/// Reads the records below the paths and judges the validators that scored them. Upper bounds
/// take no part.
///
/// # Errors
/// If no finished record is found, none has the metric or a validator's score, a filter names
/// nothing that there is, or runs would be chosen from that are not of one sweep.
pub fn judge_validators(options: &ValidatorOptions) -> Result<ValidatorTables, CompareError> {
    let ValidatorOptions { paths, metric, filters, rounds } = options.clone();
    let options = CompareOptions { paths, metric, filters, rounds, ..CompareOptions::default() };
    let runs = Runs::load(&options.paths, options.rounds)?;
    if runs.runs.is_empty() {
        return Err(runs.none_found(&options.paths));
    }
    let mut notes: Vec<String> = runs.rounds_note.iter().cloned().collect();
    let mut datasets = Vec::new();
    let mut lacking = None;
    let places = distinct(&runs, &options, &mut notes)?;
    for compared in Compared::groups(&runs, places, options.metric.as_deref()) {
        match judge_group(&runs, &compared, &options, &mut notes) {
            Ok(judged) => datasets.extend(judged),
            // Runs of another metric may have what these lack.
            Err(
                error @ (CompareError::NoMetric { .. }
                | CompareError::NoValidators
                | CompareError::NoTargetLabels { .. }),
            ) => lacking = lacking.or(Some(error)),
            Err(other) => return Err(other),
        }
    }
    if let (true, Some(error)) = (datasets.is_empty(), lacking) {
        return Err(error);
    }
    datasets.sort_by(|a, b| (&a.dataset, &a.measure).cmp(&(&b.dataset, &b.measure)));
    let metrics: BTreeSet<&str> = datasets.iter().map(|it| it.measure.name.as_str()).collect();
    let metrics: Vec<&str> = metrics.into_iter().collect();
    notes.insert(0, explanation(&metrics.join(" or ")));
    Ok(ValidatorTables { datasets, notes, warnings: runs.warnings })
}

fn judge_group(
    runs: &Runs,
    compared: &Compared,
    options: &CompareOptions,
    notes: &mut Vec<String>,
) -> Result<Vec<DatasetValidators>, CompareError> {
    let measure = &compared.measure;
    let Some(direction) = measure.direction else {
        return Err(CompareError::NoDirection(measure.name.clone()));
    };
    let candidates = Candidates::new(runs, compared, options, notes)?;
    if candidates.kept.is_empty() {
        let runs = count(candidates.unlabelled.len(), "run");
        return Err(CompareError::NoTargetLabels { metric: measure.name.clone(), runs });
    }
    if !candidates.have_scores() {
        return Err(CompareError::NoValidators);
    }
    let labels = method_labels(runs, &candidates.kept, options, notes)?;
    labels.refuse_mixed()?;
    let validators: Vec<&str> = candidates.validators().collect();
    let judged = groups(&candidates, &labels)
        .into_iter()
        .map(|(dataset, group)| group.judge(dataset, &validators, &candidates, direction));
    Ok(judged.collect())
}

fn explanation(metric: &str) -> String {
    format!(
        "Correlation of scores with {metric} over the checkpoints of each task, the mean over \
         tasks; weighted: w = max(s, a)^2 of relative dense ranks of score and {metric} (Musgrave \
         et al. 2022). Regret: the best checkpoint less the chosen one, the mean over methods, \
         tasks and seeds. Of equal scores the first counts: in the order of a sweep's values, then \
         of steps. Over ties: the mean regret of all checkpoints that share the highest score; \
         rows are sorted by it. Tied: choices with several such checkpoints. Undefined scores are \
         left out."
    )
}

/// The runs on one data set.
#[derive(Default)]
struct Group<'a> {
    /// Place in the experiment file by method.
    methods: BTreeMap<&'a str, usize>,
    /// By method and task the runs, as places among the candidates.
    runs: BTreeMap<(&'a str, String), Vec<usize>>,
    /// The same by method, task and seed: what a choice is made from.
    pools: BTreeMap<(&'a str, String, u64), Vec<usize>>,
}

fn groups<'a>(candidates: &Candidates<'a>, labels: &'a Labels) -> BTreeMap<&'a str, Group<'a>> {
    let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    let mut tasks = HashMap::new();
    for (place, label) in labels.methods.iter().enumerate() {
        let run = candidates.info(place);
        if run.target_labels_used {
            continue;
        }
        let group = groups.entry(&run.dataset).or_default();
        let method = label.pool.as_str();
        let position = group.methods.entry(method).or_insert(usize::MAX);
        *position = run.position.method.min(*position);
        let task: &String = tasks.entry(&run.task).or_insert_with(|| run.task.to_string());
        group.runs.entry((method, task.clone())).or_default().push(place);
        group.pools.entry((method, task.clone(), run.seed)).or_default().push(place);
    }
    let pools = groups.values_mut().flat_map(|group| group.pools.values_mut());
    pools.for_each(|pool| candidates.sort_pool(pool));
    groups
}

impl Group<'_> {
    fn judge(
        &self,
        dataset: &str,
        validators: &[&str],
        candidates: &Candidates<'_>,
        direction: Direction,
    ) -> DatasetValidators {
        let mut methods: Vec<(usize, &str)> =
            self.methods.iter().map(|(&method, &position)| (position, method)).collect();
        methods.sort_unstable();
        let quality = |validator, method| self.quality(validator, method, candidates, direction);
        let mut judged: Vec<Judgement> = validators
            .iter()
            .map(|&validator| Judgement {
                validator: validator.to_owned(),
                all: quality(validator, None),
                by_method: methods.iter().map(|(_, m)| quality(validator, Some(*m))).collect(),
            })
            .collect();
        judged.sort_by(|a, b| {
            let key = |judgement: &Judgement| {
                let Quality { regret, regret_over_ties, weighted_spearman, .. } = judgement.all;
                let [over_ties, regret] =
                    [regret_over_ties, regret].map(|it| it.unwrap_or(f64::INFINITY));
                // Sums of the same numbers in another order are equal.
                [rounded(over_ties), -weighted_spearman.unwrap_or(-2.0), rounded(regret)]
            };
            let orders = key(a).into_iter().zip(key(b)).map(|(a, b)| a.total_cmp(&b));
            orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
        DatasetValidators {
            dataset: dataset.to_owned(),
            measure: candidates.compared.measure.clone(),
            methods: methods.into_iter().map(|(_, method)| method.to_owned()).collect(),
            validators: judged,
        }
    }

    fn quality(
        &self,
        validator: &str,
        method: Option<&str>,
        candidates: &Candidates<'_>,
        direction: Direction,
    ) -> Quality {
        let of_method = |name: &str| method.is_none_or(|method| method == name);
        let mut quality = Quality::default();
        let (mut correlations, mut weighted) = (Vec::new(), Vec::new());
        let tasks: BTreeSet<&String> = self.runs.keys().map(|(_, task)| task).collect();
        for task in tasks {
            let (mut scores, mut values) = (Vec::new(), Vec::new());
            let runs = self.runs.iter().filter(|((m, t), _)| of_method(m) && t == task);
            for place in runs.flat_map(|(_, places)| places) {
                for checkpoint in Wanted::choosable(candidates.checkpoints(*place)) {
                    let wanted = &candidates.wanted;
                    let Some(score) = wanted.score(validator, checkpoint) else { continue };
                    match wanted.metric(checkpoint).filter(|value| !value.is_nan()) {
                        _ if score.is_nan() => quality.undefined += 1,
                        Some(value) => {
                            scores.push(score);
                            values.push(direction.upwards(value));
                        }
                        None => {}
                    }
                }
            }
            quality.checkpoints += scores.len();
            correlations.extend(spearman(&scores, &values));
            weighted.extend(weighted_spearman(&scores, &values));
        }
        let selection = Selection::Validator(validator.to_owned());
        let pools = self.pools.iter().filter(|((m, ..), _)| of_method(m));
        let regrets: Vec<Regret> =
            pools.filter_map(|(_, pool)| regret(&selection, pool, candidates, direction)).collect();
        let average = |of: fn(&Regret) -> f64| mean(&regrets.iter().map(of).collect::<Vec<_>>());
        quality.spearman = mean(&correlations);
        quality.weighted_spearman = mean(&weighted);
        quality.regret = average(|regret| regret.of_first);
        quality.regret_over_ties = average(|regret| regret.over_ties);
        quality.tied = regrets.iter().filter(|regret| regret.ties > 1).count();
        quality.choices = regrets.len();
        quality
    }
}

/// What a choice falls short of the best checkpoint.
struct Regret {
    of_first: f64,
    over_ties: f64,
    /// Number of checkpoints with the highest score.
    ties: usize,
}

fn regret(
    selection: &Selection,
    pool: &[usize],
    candidates: &Candidates<'_>,
    direction: Direction,
) -> Option<Regret> {
    let wanted = &candidates.wanted;
    let runs = || pool.iter().map(|&place| (place, candidates.checkpoints(place)));
    let (_, chosen) = wanted.choose(selection, runs())?;
    let best = runs()
        .filter_map(|(_, checkpoints)| wanted.best(checkpoints, direction))
        .reduce(f64::max)?;
    let highest = wanted.rating(selection, chosen)?;
    let short = |checkpoint| Some(best - direction.upwards(wanted.metric(checkpoint)?));
    let tied: Vec<f64> = runs()
        .flat_map(|(_, checkpoints)| Wanted::choosable(checkpoints))
        .filter(|checkpoint| wanted.rating(selection, checkpoint) == Some(highest))
        .filter_map(short)
        .filter(|regret| !regret.is_nan())
        .collect();
    let of_first = short(chosen).filter(|regret| !regret.is_nan())?;
    Some(Regret { of_first, over_ties: mean(&tied)?, ties: tied.len() })
}
