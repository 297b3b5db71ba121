//! Which validator can be trusted.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use isthmus_results::statistics::weighted_spearman;
use isthmus_results::validators::{Judgement, ValidatorTables};
use isthmus_results::{CompareError, Format, ValidatorOptions, judge_validators};
use serde_json::json;
use support::{experiment, write_all, write_evaluations};

const TASKS: [(&str, &str); 2] = [("amazon", "webcam"), ("dslr", "webcam")];

fn judged(results: &Path) -> Result<ValidatorTables, CompareError> {
    judge_validators(&ValidatorOptions {
        paths: vec![results.to_owned()],
        ..ValidatorOptions::default()
    })
}

/// `good` follows the accuracy, `bad` is its opposite, `odd` is undefined at one of three
/// checkpoints.
fn write(results: &Path) {
    let experiment = experiment(&["dann", "mcc", "target-only"], &TASKS, &[1, 2]);
    for job in experiment.jobs() {
        let easier = if job.data.tasks[0].sources[0] == "dslr" { 0.1 } else { 0.0 };
        let base = easier + if job.method.label == "mcc" { 0.05 } else { 0.0 };
        let values = |accuracy: f64, odd: f64| {
            let accuracy = accuracy + base;
            [
                ("target_accuracy", accuracy),
                ("validator/good", accuracy * 2.0),
                ("validator/bad", -accuracy),
                ("validator/odd", odd),
            ]
        };
        write_evaluations(
            results,
            &experiment,
            &job,
            json!({}),
            &[
                (0, 5, &values(0.5, 0.1)),
                (0, 10, &values(0.7, 0.3)),
                (0, 15, &values(0.6, f64::NAN)),
            ],
        );
    }
}

#[test]
fn correlations_and_regrets_are_those_by_hand() {
    let results = tempfile::tempdir().unwrap();
    write(results.path());
    let tables = judged(results.path()).unwrap();
    let dataset = &tables.datasets[0];
    assert_eq!(
        (dataset.dataset.as_str(), dataset.methods.as_slice()),
        ("office31", &["dann".to_owned(), "mcc".to_owned()][..])
    );
    // Sorted by regret, then by the weighted correlation.
    let names: Vec<&str> = dataset.validators.iter().map(|v| v.validator.as_str()).collect();
    assert_eq!(names, ["good", "odd", "bad"]);
    let [good, odd, bad]: &[Judgement; 3] = dataset.validators.as_slice().try_into().unwrap();
    let close = |found: Option<f64>, expected: f64| {
        assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?} instead of {expected}");
    };
    close(good.all.spearman, 1.0);
    close(good.all.weighted_spearman, 1.0);
    close(good.all.regret, 0.0);
    close(bad.all.spearman, -1.0);
    close(bad.all.regret, 0.2);
    // Two methods, two tasks, two seeds; three checkpoints each.
    assert_eq!((good.all.choices, good.all.checkpoints, good.all.undefined), (8, 24, 0));
    assert_eq!((odd.all.choices, odd.all.checkpoints, odd.all.undefined), (8, 16, 8));
    // Within dann: 0.1, 0.1, 0.3, 0.3 against 0.5, 0.5, 0.7, 0.7. Over both methods, accuracies
    // are 0.5, 0.55, 0.7, 0.75, each twice.
    close(odd.by_method[0].spearman, 1.0);
    close(odd.by_method[0].regret, 0.0);
    let scores = [0.1, 0.1, 0.3, 0.3, 0.1, 0.1, 0.3, 0.3];
    let accuracies = [0.5, 0.5, 0.7, 0.7, 0.55, 0.55, 0.75, 0.75];
    close(odd.all.weighted_spearman, weighted_spearman(&scores, &accuracies).unwrap());
    assert!(odd.all.weighted_spearman.unwrap() < 1.0);

    insta::assert_snapshot!("validators_markdown", tables.render(Format::Markdown));
    insta::assert_snapshot!("validators_csv", tables.render(Format::Csv));
}

#[test]
fn without_scores_there_is_nothing_to_judge() {
    let results = tempfile::tempdir().unwrap();
    assert!(matches!(judged(results.path()), Err(CompareError::NoRecords { .. })));
    let experiment = experiment(&["dann"], &TASKS, &[1]);
    write_all(results.path(), &experiment, |_, _, _| Some(0.5));
    let error = judged(results.path()).unwrap_err().to_string();
    assert!(error.contains("name validators under `[selection]`"), "{error}");
    let options = ValidatorOptions {
        paths: vec![results.path().to_owned()],
        metric: Some("learning_rate".to_owned()),
        ..ValidatorOptions::default()
    };
    assert!(matches!(judge_validators(&options), Err(CompareError::NoDirection(_))));
}

/// Three checkpoints share the highest score: 0.5, 0.9 and 0.6, of which the first counts.
#[test]
fn of_equal_scores_the_first_counts_and_the_mean_over_all_is_shown() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann"], &TASKS[..1], &[1]);
    let values = |accuracy: f64, constant: f64, odd: f64| {
        [("target_accuracy", accuracy), ("validator/same", constant), ("validator/odd", odd)]
    };
    // The lesser value of the sweep comes first, whatever the ids of the runs are.
    for (rate, rows) in [
        (10.0, [values(0.6, 1.0, 0.0), values(0.2, 0.0, 0.5)]),
        (9.0, [values(0.5, 1.0, 0.0), values(0.9, 1.0, 0.4)]),
    ] {
        let mut experiment = experiment.clone();
        experiment.methods[0].stages[0].training.optimizer.config = json!({ "lr": rate });
        write_evaluations(
            results.path(),
            &experiment,
            &experiment.jobs()[0],
            json!({ "training.optimizer.lr": rate }),
            &[(0, 5, &rows[0]), (0, 10, &rows[1])],
        );
    }
    let tables = judged(results.path()).unwrap();
    let find = |name: &str| {
        let judged = &tables.datasets[0].validators;
        judged.iter().find(|it| it.validator == name).unwrap().all
    };
    let close = |found: Option<f64>, expected: f64| {
        assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?} instead of {expected}");
    };
    let same = find("same");
    close(same.regret, 0.4);
    close(same.regret_over_ties, (0.4 + 0.0 + 0.3) / 3.0);
    assert_eq!((same.choices, same.tied), (1, 1));
    let odd = find("odd");
    close(odd.regret, 0.7);
    close(odd.regret_over_ties, 0.7);
    assert_eq!(odd.tied, 0);
    let text = tables.render(Format::Markdown);
    assert!(text.contains("Of equal scores the first counts"), "{text}");
}
