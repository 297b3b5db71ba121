//! What each validator would have chosen, beside the last iterate and the oracle.

use std::collections::{BTreeMap, BTreeSet};

use isthmus_results::compare::Summary;
use maud::{Markup, html};

use super::parts;
use crate::figure::DataTable;
use crate::figures::{VALIDATOR, validator_names};
use crate::results::{Results, grouped};
use crate::runs::{Evaluation, Run};
use crate::unit::Unit;

const ACCURACY: &str = "target_accuracy";
const CLASSES: &str = "target_effective_classes";
/// A choice whose predictions fall into fewer effective classes than this share has collapsed.
const COLLAPSED: f64 = 0.5;

pub(super) fn body(results: &Results) -> Markup {
    let validators: Vec<&str> = validator_names(results).into_iter().collect();
    if validators.is_empty() {
        return parts::missing(
            "No run was scored by a validator; list validators under `[selection]` in the \
             experiment file to record their scores.",
        );
    }
    html! {
        p {
            "Target accuracy (%) of the evaluation that is chosen in each run: the last one, the \
             one with the best score of each validator, and the one with the best target accuracy \
             (oracle), which uses target labels and is only an upper limit. Mean over tasks, then \
             mean ± standard deviation over seeds."
        }
        (parts::table(&table(results, &validators)))
    }
}

fn table(results: &Results, validators: &[&str]) -> DataTable {
    let mut columns = vec!["method", "last"];
    columns.extend(validators);
    columns.push("oracle");
    let mut table = DataTable::new("Choice of the checkpoint within runs", &columns);
    let runs: Vec<&Run> = results.runs.iter().collect();
    let mut collapsed = false;
    for (_, runs) in grouped(&runs, |run| (run.record.run.dataset.clone(), run.series)) {
        let Some(first) = runs.first() else { continue };
        let name = results.method(first).name();
        let mut row = vec![results.with_dataset(first, &name)];
        row.push(cell(&runs, last, &mut collapsed));
        for validator in validators {
            let metric = format!("{VALIDATOR}{validator}");
            row.push(cell(&runs, |run| best(run, &metric), &mut collapsed));
        }
        row.push(cell(&runs, |run| best(run, ACCURACY), &mut collapsed));
        table.rows.push(row);
    }
    if collapsed {
        table.notes.push(
            "⚠ n/m: in n of m runs the predictions of the chosen evaluation fall into fewer than \
             half of the classes (effective number)."
                .to_owned(),
        );
    }
    table
}

fn cell<'a>(
    runs: &[&'a Run],
    choose: impl Fn(&'a Run) -> Option<Evaluation<'a>>,
    any_collapsed: &mut bool,
) -> String {
    let tasks: BTreeSet<String> = runs.iter().map(|run| run.task()).collect();
    let mut by_seed: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    let (mut chosen, mut collapsed) = (0, 0);
    for run in runs {
        let Some(evaluation) = choose(run) else { continue };
        let Some(&accuracy) = evaluation.get(ACCURACY) else { continue };
        chosen += 1;
        collapsed += usize::from(evaluation.get(CLASSES).is_some_and(|&share| share < COLLAPSED));
        by_seed.entry(run.record.run.seed).or_default().push(accuracy);
    }
    // A seed that lacks a task would shift the mean.
    let means: Vec<f64> = by_seed
        .values()
        .filter(|values| values.len() == tasks.len())
        .map(|values| values.iter().sum::<f64>() / values.len() as f64)
        .collect();
    let Some(summary) = Summary::of(&means) else { return "–".to_owned() };
    let text = Unit { percent: true }.summary(&summary);
    if collapsed == 0 {
        return text;
    }
    *any_collapsed = true;
    format!("{text} ⚠ {collapsed}/{chosen}")
}

fn last(run: &Run) -> Option<Evaluation<'_>> {
    run.candidates().into_values().next_back()
}

/// The evaluation with the largest value; the first of equals.
fn best<'a>(run: &'a Run, metric: &str) -> Option<Evaluation<'a>> {
    let mut best: Option<(f64, Evaluation<'a>)> = None;
    for evaluation in run.candidates().into_values() {
        let Some(&value) = evaluation.get(metric) else { continue };
        if !value.is_nan() && best.as_ref().is_none_or(|(found, _)| value > *found) {
            best = Some((value, evaluation));
        }
    }
    best.map(|(_, evaluation)| evaluation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Made, made};

    #[test]
    fn the_choice_is_the_first_of_the_best_scores_after_the_first_step() {
        let folder = tempfile::tempdir().unwrap();
        let evaluation = |step: u32, accuracy: f64, entropy: &str, classes: f64| {
            format!(
                "0,{step},target_accuracy,{accuracy}\n0,{step},validator/entropy,{entropy}\n\
                 0,{step},validator/dev,NaN\n0,{step},target_effective_classes,{classes}\n"
            )
        };
        let rows = [
            evaluation(0, 0.9, "5.0", 0.9),
            evaluation(1, 0.5, "-1.0", 0.3),
            evaluation(2, 0.7, "-1.0", 0.9),
            evaluation(3, 0.6, "NaN", 0.9),
        ];
        made(folder.path(), &Made::default(), &rows.concat(), None);
        let results = Results::load(&[folder.path().to_owned()]).unwrap();
        let table = table(&results, &["dev", "entropy"]);
        assert_eq!(table.columns, ["method", "last", "dev", "entropy", "oracle"]);
        assert_eq!(table.rows, [["dann", "60.0", "–", "50.0 ⚠ 1/1", "70.0"]]);
        assert_eq!(table.notes.len(), 1);
    }
}
