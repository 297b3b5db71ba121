//! Tables follow what records say of their metrics, not their names; targets without labels.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use isthmus_core::metric::{Direction, MetricInfo, Metrics, Unit};
use isthmus_core::spec::Experiment;
use isthmus_results::{
    Baseline, CompareError, CompareOptions, Comparison, Format, PairedTest, RecordWriter,
    Selections, TerminalOptions, ValidatorOptions, compare, judge_validators,
};
use support::{Evaluation, environment, experiment, header, write_all};

const TASKS: [(&str, &str); 2] = [("young", "old"), ("old", "young")];

/// A mean absolute error, in years.
fn errors() -> Metrics {
    let unit = Unit::Plain { decimals: 2 };
    let r2 = MetricInfo::new("r2", Direction::Higher, unit, "R²");
    Metrics::new(MetricInfo::new("mae", Direction::Lower, unit, "mean absolute error"), [r2])
}

fn options(results: &Path) -> CompareOptions {
    CompareOptions { paths: vec![results.to_owned()], ..CompareOptions::default() }
}

fn write(
    results: &Path,
    experiment: &Experiment,
    metrics: &Metrics,
    of: impl Fn(&str, &str) -> f64,
    rows: &[Evaluation<'_>],
) {
    for job in experiment.jobs() {
        let header = header(experiment, &job).with_metrics(metrics.clone());
        let mut writer = RecordWriter::create(results, &header, environment()).unwrap();
        for (stage, step, values) in rows {
            let values: Vec<(&str, f64)> = values
                .iter()
                .map(|&(name, value)| (name, value + of(&job.method.label, name)))
                .collect();
            writer.evaluation(*stage, *step, &values).unwrap();
        }
        writer.finish().unwrap();
    }
}

/// `dann` errs by one year less than `source-only`; the best checkpoint is neither the last one
/// nor the one with the largest error; `good` prefers small errors, `bad` large ones.
fn regression(results: &Path) {
    let mut experiment = experiment(&["source-only", "dann"], &TASKS, &[1, 2, 3]);
    experiment.name = "age".to_owned();
    experiment.data.dataset = "diabetes".to_owned();
    let of = |method: &str, name: &str| {
        if method == "dann" && name == "target_mae" { -1.0 } else { 0.0 }
    };
    let row = |mae: f64| [("target_mae", mae), ("validator/good", -mae), ("validator/bad", mae)];
    write(
        results,
        &experiment,
        &errors(),
        of,
        &[(0, 5, &row(9.0)), (0, 10, &row(4.0)), (0, 15, &row(6.0))],
    );
}

fn mean(comparison: &Comparison, row: &str) -> f64 {
    let found = comparison.tables[0].rows.iter().find(|found| found.label.text == row).unwrap();
    found.cells[0].unwrap().mean
}

#[test]
fn a_metric_of_which_lower_is_better_is_shown_ranked_and_chosen_so() {
    let results = tempfile::tempdir().unwrap();
    regression(results.path());
    let comparison = compare(&options(results.path())).unwrap();
    assert_eq!(comparison.tables[0].measure.name, "target_mae");
    let ranks: Vec<Option<f64>> = comparison.tables[0].rows.iter().map(|row| row.rank).collect();
    assert_eq!(ranks, [Some(2.0), Some(1.0)]);
    let text = comparison.render(Format::Markdown);
    assert!(text.contains("diabetes: `target_mae`, lower is better\n"), "{text}");
    assert!(text.contains("| dann | **5.00 ± 0.00** |"), "{text}");

    for (selection, expected) in [("last", 6.0), ("oracle", 4.0), ("good", 4.0), ("bad", 9.0)] {
        let selections = Selections::from(selection);
        let chosen = CompareOptions { selections, ..options(results.path()) };
        assert_eq!(mean(&compare(&chosen).unwrap(), "source-only"), expected, "{selection}");
    }
    let baseline = Some(Baseline { method: "source-only".to_owned(), test: PairedTest::default() });
    let tested = compare(&CompareOptions { baseline, ..options(results.path()) }).unwrap();
    assert!(tested.render(Format::Markdown).contains("| -1.00 |"), "a year less");
}

#[test]
fn validators_are_judged_in_the_direction_and_unit_of_the_metric() {
    let results = tempfile::tempdir().unwrap();
    regression(results.path());
    let options =
        ValidatorOptions { paths: vec![results.path().to_owned()], ..ValidatorOptions::default() };
    let tables = judge_validators(&options).unwrap();
    let judged: Vec<(&str, f64)> = tables.datasets[0]
        .validators
        .iter()
        .map(|it| (it.validator.as_str(), it.all.regret.unwrap()))
        .collect();
    assert_eq!(judged, [("good", 0.0), ("bad", 5.0)]);
    assert!(tables.datasets[0].validators[1].by_method[0].spearman.unwrap() < -0.99);
    let text = tables.render(Format::Markdown);
    assert!(text.contains("| 5.00 |") && !text.contains("in points"), "{text}");
}

#[test]
fn records_of_different_primary_metrics_stand_apart() {
    let results = tempfile::tempdir().unwrap();
    regression(results.path());
    let classes = experiment(&["dann"], &[("a", "b")], &[1]);
    write_all(results.path(), &classes, |_, _, _| Some(0.5));
    let comparison = compare(&options(results.path())).unwrap();
    let shown: Vec<(&str, &str)> = comparison
        .tables
        .iter()
        .map(|table| (table.dataset.as_deref().unwrap(), table.measure.name.as_str()))
        .collect();
    // The overview of all choices follows the table of last checkpoints.
    let expected =
        [("diabetes", "target_mae"), ("diabetes", "target_mae"), ("office31", "target_accuracy")];
    assert_eq!(shown, expected);
    let csv = comparison.render(Format::Csv);
    assert!(csv.contains("office31,last,target_accuracy,dann,") && csv.contains(",target_mae,"));
    // One that only some have leaves the others out.
    let metric = Some("target_r2".to_owned());
    let error = compare(&CompareOptions { metric, ..options(results.path()) }).unwrap_err();
    assert!(matches!(error, CompareError::NoMetric { .. }), "{error}");
    let metric = Some("target_accuracy".to_owned());
    let one = compare(&CompareOptions { metric, ..options(results.path()) }).unwrap();
    assert_eq!(one.tables.len(), 1);
}

/// Accuracies are absent; what needs no labels is there.
fn unlabelled(results: &Path) {
    let experiment = experiment(&["source-only", "dann"], &TASKS, &[1, 2]);
    let of = |method: &str, _: &str| if method == "dann" { 0.25 } else { 0.0 };
    write(
        results,
        &experiment,
        &Metrics::classes(),
        of,
        &[
            (0, 5, &[("source_accuracy", 0.5), ("validator/entropy", -1.0)]),
            (
                0,
                10,
                &[
                    ("source_accuracy", 0.5),
                    ("validator/entropy", -0.5),
                    ("validator/dev", f64::NAN),
                    ("target_effective_classes", 0.5),
                ],
            ),
        ],
    );
}

#[test]
fn a_target_without_labels_shows_what_needs_none_and_says_what_is_absent() {
    let results = tempfile::tempdir().unwrap();
    unlabelled(results.path());
    let comparison = compare(&options(results.path())).unwrap();
    assert!(comparison.tables.is_empty());
    insta::assert_snapshot!("unlabelled_markdown", comparison.render(Format::Markdown));
    insta::assert_snapshot!("unlabelled_csv", comparison.render(Format::Csv));
    for width in [40, 60, 80, 100] {
        let options = TerminalOptions { width: Some(width), styled: false };
        let text = comparison.render(Format::Terminal(options));
        assert!(text.contains("labels"), "{text}");
    }
    assert!(comparison.render(Format::Latex).contains("no target labels"));
    assert!(comparison.parquet().is_ok());
    assert!(!comparison.render(Format::Csv).contains("target_accuracy"), "nothing is zero");

    let options =
        ValidatorOptions { paths: vec![results.path().to_owned()], ..ValidatorOptions::default() };
    let error = judge_validators(&options).unwrap_err().to_string();
    assert!(
        error.starts_with("no target labels, so no `target_accuracy` in any of 8 runs"),
        "{error}"
    );
}

#[test]
fn labelled_and_unlabelled_targets_stand_in_tables_of_their_own() {
    let results = tempfile::tempdir().unwrap();
    unlabelled(results.path());
    let mut labelled = experiment(&["source-only", "dann"], &[("young", "middle")], &[1, 2]);
    labelled.name = "labelled".to_owned();
    write_all(results.path(), &labelled, |_, _, _| Some(0.5));
    let comparison = compare(&options(results.path())).unwrap();
    assert_eq!((comparison.tables.len(), comparison.label_free.len()), (1, 1));
    assert_eq!(mean(&comparison, "dann"), 0.5);
    assert!(
        comparison
            .notes
            .iter()
            .any(|note| note.starts_with("No target labels, so no `target_accuracy`: 8 runs.")),
        "{:?}",
        comparison.notes
    );
}
