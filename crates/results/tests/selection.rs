//! Which checkpoint stands for a run, and what tables say of it.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use isthmus_results::compare::Row;
use isthmus_results::{
    Baseline, CompareOptions, Comparison, Dimension, Format, PairedTest, Spread, TerminalOptions,
    compare,
};
use serde_json::json;
use support::choices::{TASKS, cell, mean, names, one_run, options, overview};
use support::{experiment, write_all, write_evaluations, write_run};

#[test]
fn each_selection_chooses_its_checkpoint() {
    let results = tempfile::tempdir().unwrap();
    one_run(results.path());
    // Never the state before the first step; undefined scores are never chosen; the first of
    // equals is.
    for (selection, expected) in
        [("last", 0.8), ("oracle", 0.9), ("entropy", 0.7), ("validator/bnm", 0.6)]
    {
        let comparison = compare(&options(results.path(), selection)).unwrap();
        assert_eq!(comparison.tables.len(), 1);
        assert_eq!(mean(&comparison, 0, "dann"), expected, "{selection}");
    }
    let all = compare(&options(results.path(), "all")).unwrap();
    let chosen: Vec<String> =
        all.tables.iter().map(|table| table.selection.as_ref().unwrap().to_string()).collect();
    assert_eq!(chosen, ["last", "bnm", "entropy", "oracle"]);
    assert_eq!(mean(&all, 2, "dann"), 0.7);
}

#[test]
fn the_state_before_the_first_step_counts_where_there_is_nothing_else() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["adabn"], &TASKS[..1], &[1]);
    let values = [("target_accuracy", 0.4), ("validator/entropy", 0.1)];
    let job = &experiment.jobs()[0];
    write_evaluations(results.path(), &experiment, job, json!({}), &[(0, 0, &values)]);
    for selection in ["last", "oracle", "entropy"] {
        let comparison = compare(&options(results.path(), selection)).unwrap();
        assert_eq!(mean(&comparison, 0, "adabn"), 0.4, "{selection}");
    }
}

#[test]
fn all_choices_stand_side_by_side_below_the_table() {
    let results = tempfile::tempdir().unwrap();
    one_run(results.path());
    let comparison = compare(&overview(results.path())).unwrap();
    assert_eq!(comparison.tables.len(), 2);
    let below = &comparison.tables[1];
    let columns: Vec<&str> = below.columns.iter().map(|label| label.text.as_str()).collect();
    assert_eq!(columns, ["last", "bnm", "entropy", "oracle"]);
    let values: Vec<Option<f64>> = (0..4).map(|column| cell(below, "dann", column)).collect();
    assert_eq!(values, [Some(0.8), Some(0.6), Some(0.7), Some(0.9)]);

    let by_selection = CompareOptions { rows: Dimension::Selection, ..overview(results.path()) };
    let by_selection = compare(&by_selection).unwrap();
    assert_eq!(names(&by_selection.tables[0]), ["last", "bnm", "entropy", "oracle"]);
}
#[test]
fn runs_without_scores_are_left_out_and_told() {
    let results = tempfile::tempdir().unwrap();
    one_run(results.path());
    let unscored = experiment(&["dann"], &TASKS[..1], &[2, 3]);
    for job in unscored.jobs() {
        write_run(results.path(), &unscored, &job, 0.1);
    }
    let comparison = compare(&options(results.path(), "entropy")).unwrap();
    let summary = comparison.tables[0].rows[0].cells[0].unwrap();
    assert_eq!((summary.mean, summary.seeds), (0.7, 1));
    assert_eq!(comparison.warnings.len(), 1);
    assert_eq!(
        comparison.warnings[0].reason,
        "left out of the choice by entropy, since it has no value of `validator/entropy` in its \
         last stage, as is 1 more run"
    );
    let error = compare(&options(results.path(), "entrpy")).unwrap_err().to_string();
    assert_eq!(
        error,
        "no run has scores of the validator `entrpy` in its last stage; did you mean `entropy`?; \
         there are: bnm, entropy"
    );
}

#[test]
fn without_any_scores_the_error_says_where_they_come_from() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann"], &TASKS[..1], &[1]);
    write_all(results.path(), &experiment, |_, _, _| Some(0.5));
    assert_eq!(compare(&overview(results.path())).unwrap().tables.len(), 1);
    let error = compare(&options(results.path(), "entropy")).unwrap_err().to_string();
    assert!(error.contains("`[selection]` in an experiment file names validators"), "{error}");
}

#[test]
fn collapsed_choices_are_marked() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann", "mcc"], &TASKS[..1], &[1, 2]);
    for job in experiment.jobs() {
        let classes = if job.method.label == "mcc" && job.seed == 2 { 0.49 } else { 0.5 };
        let values = [("target_accuracy", 0.5), ("target_effective_classes", classes)];
        write_evaluations(results.path(), &experiment, &job, json!({}), &[(0, 5, &values)]);
    }
    let comparison = compare(&options(results.path(), "last")).unwrap();
    let collapsed: Vec<usize> =
        comparison.tables[0].rows.iter().map(|row| row.cells[0].unwrap().collapsed).collect();
    assert_eq!(collapsed, [0, 1]);
    let text = comparison.render(Format::Markdown);
    assert!(text.contains("| dann | **50.0 ± 0.0** |\n| mcc | **50.0 ± 0.0†** |\n"), "{text}");
    assert!(text.contains("† A choice behind this cell predicts few classes"), "{text}");
    assert!(comparison.render(Format::Latex).contains("$^\\dagger$"));
}

#[test]
fn filters_leave_only_what_they_name() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann", "mcc"], &TASKS, &[1, 2, 3]);
    write_all(results.path(), &experiment, |_, _, seed| Some(0.1 * seed as f64));
    let filtered = |filters: &[&str]| {
        let filters = filters.iter().map(|filter| filter.parse().unwrap()).collect();
        compare(&CompareOptions { filters, ..overview(results.path()) })
    };
    let comparison = filtered(&["method=mcc", "task=dslr→webcam", "seed=1", "seed=2"]).unwrap();
    assert_eq!(names(&comparison.tables[0]), ["mcc"]);
    assert_eq!(comparison.tables[0].columns.len(), 1);
    assert_eq!(comparison.tables[0].rows[0].cells[0].unwrap().seeds, 2);
    assert_eq!(filtered(&["source=amazon"]).unwrap().tables[0].columns.len(), 1);

    let error = |filters: &[&str]| filtered(filters).unwrap_err().to_string();
    assert_eq!(error(&["method=dan"]), "no run has the method `dan`; there are: dann, mcc");
    assert_eq!(
        error(&["methd=dann"]),
        "no run has anything called `methd`; runs can be filtered by method, task, source, \
         target, experiment, dataset, shift, severity, seed"
    );
    let split = "dann".parse::<isthmus_results::Filter>().unwrap_err();
    assert_eq!(split, "`dann` is not `key=value`, as in `method=dann`");
}

/// Methods whose differences to the baseline are known.
fn tested(results: &Path) {
    let tasks = [("amazon", "webcam"), ("dslr", "webcam"), ("webcam", "amazon")];
    let methods = ["source-only", "dann", "mcc", "target-only"];
    let experiment = experiment(&methods, &tasks, &[1, 2]);
    write_all(results, &experiment, |method, task, seed| {
        let place = tasks.iter().position(|(source, _)| *source == task.sources[0]).unwrap();
        let pair = 2 * place + seed as usize - 1;
        let base = 0.5 + 0.01 * pair as f64;
        Some(match method {
            "source-only" => base,
            "dann" => base + [0.03, 0.05, -0.01, 0.07, 0.02, 0.04][pair],
            "mcc" => base + [0.10, 0.11, 0.12, 0.13, 0.14, 0.15][pair],
            _ => 0.95,
        })
    });
}

#[test]
fn differences_to_a_baseline_are_tested_in_pairs() {
    let results = tempfile::tempdir().unwrap();
    tested(results.path());
    let with = |test| CompareOptions {
        baseline: Some(Baseline { method: "source-only".to_owned(), test }),
        ..overview(results.path())
    };
    let difference = |comparison: &Comparison, label: &str| {
        let rows: &Vec<Row> = &comparison.tables[0].rows;
        rows.iter().find(|row| row.label.text == label).unwrap().difference
    };
    let close = |found: f64, expected: f64| {
        assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
    };
    let wilcoxon = compare(&with(PairedTest::Wilcoxon)).unwrap();
    let dann = difference(&wilcoxon, "dann").unwrap();
    assert_eq!(dann.pairs, 6);
    close(dann.mean, 0.2 / 6.0);
    // scipy.stats.wilcoxon([.03, .05, -.01, .07, .02, .04], method="exact").pvalue is 0.0625, that
    // of six differences of one sign 0.03125; Holm: 2 * 0.03125 and max(0.0625, 0.0625).
    close(difference(&wilcoxon, "mcc").unwrap().p_value.unwrap(), 0.0625);
    close(dann.p_value.unwrap(), 0.0625);
    assert_eq!(difference(&wilcoxon, "source-only"), None);
    assert_eq!(difference(&wilcoxon, "target-only").unwrap().p_value, None);

    let t = compare(&with(PairedTest::T)).unwrap();
    // scipy.stats.ttest_1samp([.03, .05, -.01, .07, .02, .04], 0).pvalue
    close(difference(&t, "dann").unwrap().p_value.unwrap(), DANN_T);
    insta::assert_snapshot!("baseline_markdown", wilcoxon.render(Format::Markdown));
    insta::assert_snapshot!("baseline_latex", t.render(Format::Latex));
    insta::assert_snapshot!("baseline_csv", wilcoxon.render(Format::Csv));
    let narrow = TerminalOptions { width: Some(80), styled: false };
    insta::assert_snapshot!("baseline_terminal", wilcoxon.render(Format::Terminal(narrow)));

    let missing = CompareOptions {
        baseline: Some(Baseline { method: "nothing".to_owned(), test: PairedTest::T }),
        ..overview(results.path())
    };
    assert_eq!(
        compare(&missing).unwrap_err().to_string(),
        "no row is called `nothing`, the baseline; the rows are: dann, mcc, source-only, \
         target-only"
    );
}

const DANN_T: f64 = 0.030514977133585995;

#[test]
fn intervals_can_stand_behind_the_means() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann"], &TASKS[..1], &[1, 2, 3]);
    write_all(results.path(), &experiment, |_, _, seed| Some(0.4 + 0.1 * seed as f64));
    let options = CompareOptions { spread: Spread::Interval95, ..overview(results.path()) };
    let text = compare(&options).unwrap().render(Format::Markdown);
    // 4.302652729749462 * 0.1 / sqrt(3) = 0.2484
    assert!(text.contains("| dann | 60.0 ± 24.8 |"), "{text}");
    assert!(text.contains("Mean ± half the 95 % interval of the mean"), "{text}");
}

#[test]
fn a_parquet_file_holds_the_rows_of_the_csv_form() {
    use polars_io::prelude::{ParquetReader, SerReader};
    let results = tempfile::tempdir().unwrap();
    one_run(results.path());
    let comparison = compare(&overview(results.path())).unwrap();
    let bytes = comparison.parquet().unwrap();
    let frame = ParquetReader::new(std::io::Cursor::new(bytes)).finish().unwrap();
    let csv = comparison.render(Format::Csv);
    let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let names: Vec<&str> = frame.get_column_names().iter().map(|name| name.as_str()).collect();
    assert_eq!(names, header);
    assert_eq!(frame.height(), csv.lines().count() - 1);
    let means: Vec<f64> = frame.column("mean").unwrap().f64().unwrap().iter().flatten().collect();
    // The last checkpoint on the one task, and as averages the choices of bnm, entropy, oracle.
    assert_eq!(means, [0.8, 0.6, 0.7, 0.9]);
    insta::assert_snapshot!("overview_csv", csv);
    insta::assert_snapshot!("overview_markdown", comparison.render(Format::Markdown));
}
