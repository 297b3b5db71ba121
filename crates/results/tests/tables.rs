//! Tables: exact numbers, and all outputs as snapshots.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};

use isthmus_core::spec::{Experiment, Task};
use isthmus_results::compare::{Row, Summary};
use isthmus_results::table::Runs;
use isthmus_results::{
    CompareError, CompareOptions, Comparison, Dimension, Format, RecordWriter, Rounds,
    TerminalOptions, compare,
};
use serde_json::json;
use support::{FINGERPRINT, environment, experiment, header, write_all, write_run};

const TASKS: [(&str, &str); 3] = [("amazon", "webcam"), ("dslr", "webcam"), ("webcam", "amazon")];

fn options(results: &Path) -> CompareOptions {
    CompareOptions { paths: vec![results.to_owned()], ..CompareOptions::default() }
}

/// Three methods on three tasks with three seeds; `mcc` lacks its last task.
fn office(results: &Path) -> Comparison {
    let experiment = experiment(&["source-only", "target-only", "dann", "mcc"], &TASKS, &[1, 2, 3]);
    write_all(results, &experiment, |method, task, seed| {
        let base = match (method, task.target.as_str()) {
            ("mcc", "amazon") => return None,
            ("source-only", _) => 0.70,
            ("target-only", _) => 0.94,
            ("dann", _) => 0.80,
            _ => 0.85,
        };
        let harder = if task.sources[0] == "dslr" { 0.05 } else { 0.0 };
        Some(base + harder - 0.01 * seed as f64)
    });
    compare(&options(results)).unwrap()
}

fn row<'a>(comparison: &'a Comparison, label: &str) -> &'a Row {
    comparison.tables[0].rows.iter().find(|row| row.label.text == label).unwrap()
}

fn close(found: Option<Summary>, mean: f64, standard_deviation: f64, seeds: usize) {
    let found = found.unwrap();
    assert!((found.mean - mean).abs() < 1e-12, "{found:?}");
    assert!((found.standard_deviation.unwrap() - standard_deviation).abs() < 1e-12, "{found:?}");
    assert_eq!(found.seeds, seeds);
}

#[test]
fn means_and_deviations_are_those_by_hand() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann"], &TASKS[..2], &[1, 2, 3]);
    // amazon -> webcam: 0.5, 0.6, 0.7; dslr -> webcam: 0.9, 0.9, 0.6.
    write_all(results.path(), &experiment, |_, task, seed| {
        let values = if task.sources[0] == "amazon" { [0.5, 0.6, 0.7] } else { [0.9, 0.9, 0.6] };
        Some(values[seed as usize - 1])
    });
    let comparison = compare(&options(results.path())).unwrap();
    let row = row(&comparison, "dann");
    close(row.cells[0], 0.6, 0.1, 3);
    close(row.cells[1], 0.8, 0.03_f64.sqrt(), 3);
    // Averages by seed: 0.7, 0.75, 0.65; mean 0.7, squared differences 0 + 0.0025 + 0.0025.
    close(row.average, 0.7, 0.05, 3);
}

#[test]
fn the_last_step_of_the_last_stage_counts() {
    let results = tempfile::tempdir().unwrap();
    let mut experiment = experiment(&["adda"], &TASKS[..1], &[1]);
    experiment.methods = vec![support::method("adda", 2)];
    let header = support::header(&experiment, &experiment.jobs()[0]);
    let mut writer = RecordWriter::create(results.path(), &header, environment()).unwrap();
    writer.evaluation(0, 50, &[("target_accuracy", 0.9)]).unwrap();
    writer.evaluation(1, 10, &[("target_accuracy", 0.8)]).unwrap();
    writer.evaluation(1, 10, &[("target_accuracy", 0.75)]).unwrap();
    writer.evaluation(1, 5, &[("target_accuracy", 0.7)]).unwrap();
    writer.finish().unwrap();
    let comparison = compare(&options(results.path())).unwrap();
    let expected = Summary { mean: 0.75, standard_deviation: None, seeds: 1, collapsed: 0 };
    assert_eq!(row(&comparison, "adda").cells[0], Some(expected));
    assert_eq!(comparison.notes, ["One seed."]);
}

#[test]
fn earlier_rounds_of_successive_halving_are_no_results() {
    let results = tempfile::tempdir().unwrap();
    let whole = experiment(&["dann"], &TASKS[..1], &[1, 2]);
    write_all(results.path(), &whole, |_, _, _| Some(0.9));
    let mut stopped = whole.clone();
    stopped.name = "office-round-1".to_owned();
    stopped.methods[0].stages[0].training.stop_after = Some(5);
    for job in stopped.jobs() {
        let header = header(&stopped, &job).in_round(Some(1));
        let mut writer = RecordWriter::create(results.path(), &header, environment()).unwrap();
        writer.evaluation(0, 5, &[("target_accuracy", 0.1)]).unwrap();
        writer.finish().unwrap();
    }
    let comparison = compare(&options(results.path())).unwrap();
    let expected = "2 runs of earlier rounds of successive halving left out; `--rounds` includes \
                    them.";
    assert!(comparison.notes.contains(&expected.to_owned()), "{:?}", comparison.notes);
    assert_eq!(comparison.tables[0].rows.len(), 1);
    assert_eq!(row(&comparison, "dann").cells[0].unwrap().mean, 0.9);

    let all = CompareOptions {
        rows: Dimension::Experiment,
        rounds: Rounds::All,
        ..options(results.path())
    };
    let comparison = compare(&all).unwrap();
    let names: Vec<&str> =
        comparison.tables[0].rows.iter().map(|row| row.label.text.as_str()).collect();
    assert_eq!(names, ["office", "office-round-1"]);
    assert!(!comparison.notes.iter().any(|note| note.contains("left out")));

    let rounds = options(&results.path().join("office-round-1"));
    let error = compare(&rounds).unwrap_err().to_string();
    assert!(error.contains("no finished record"), "{error}");
    assert!(error.contains("2 runs of earlier rounds"), "{error}");
}

#[test]
fn the_tidy_frame_has_a_row_for_every_value() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann", "target-only"], &TASKS, &[1, 2]);
    write_all(results.path(), &experiment, |_, _, _| Some(0.5));
    let runs = Runs::load(&[results.path().to_owned()], Rounds::Last).unwrap();
    let frame = runs.tidy().unwrap();
    assert_eq!(frame.height(), 2 * 3 * 2 * 4, "12 runs with two metrics at two steps");
    let columns = [
        "run",
        "experiment",
        "method",
        "sources",
        "target",
        "task",
        "seed",
        "stage",
        "step",
        "metric",
        "value",
        "upper_bound",
    ];
    for column in columns {
        frame.column(column).unwrap();
    }
    let bounds = frame.column("upper_bound").unwrap().bool().unwrap().sum();
    assert_eq!(bounds, Some(24), "half of the rows are of target-only");
}

#[test]
fn all_outputs_read_well() {
    let results = tempfile::tempdir().unwrap();
    let comparison = office(results.path());
    let terminal =
        |width, styled| comparison.render(Format::Terminal(TerminalOptions { width, styled }));
    insta::assert_snapshot!("terminal", terminal(None, false));
    insta::assert_snapshot!("terminal_narrow", terminal(Some(80), false));
    insta::assert_snapshot!("terminal_stacked", terminal(Some(60), false));
    insta::assert_snapshot!("terminal_too_narrow", terminal(Some(44), false));
    insta::assert_snapshot!("terminal_styled", terminal(None, true).replace('\u{1b}', "ESC"));
    insta::assert_snapshot!("csv", comparison.render(Format::Csv));
    insta::assert_snapshot!("markdown", comparison.render(Format::Markdown));
    insta::assert_snapshot!("latex", comparison.render(Format::Latex));
}

#[test]
fn methods_can_be_the_columns_and_losses_the_metric() {
    let results = tempfile::tempdir().unwrap();
    office(results.path());
    let turned = CompareOptions {
        metric: Some("source_loss".to_owned()),
        rows: Dimension::Target,
        columns: Dimension::Method,
        ..options(results.path())
    };
    let comparison = compare(&turned).unwrap();
    insta::assert_snapshot!("turned", comparison.render(Format::Markdown));
}

#[test]
fn numbers_of_seeds_are_shown_where_they_differ() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann", "mcc"], &TASKS[..2], &[1, 2, 3]);
    write_all(results.path(), &experiment, |method, task, seed| {
        let missing = method == "mcc" && task.sources[0] == "dslr" && seed == 2;
        (!missing).then_some(0.5 + 0.1 * seed as f64)
    });
    let comparison = compare(&options(results.path())).unwrap();
    insta::assert_snapshot!("different_seeds", comparison.render(Format::Markdown));
    // Seeds 1 and 3 have both tasks: 0.6 and 0.8.
    close(row(&comparison, "mcc").average, 0.7, 0.02_f64.sqrt(), 2);
}

#[test]
fn configurations_of_one_label_are_kept_apart_and_the_difference_is_named() {
    let results = tempfile::tempdir().unwrap();
    let mut experiment = experiment(&["dann"], &TASKS[..1], &[1, 2]);
    write_all(results.path(), &experiment, |_, _, _| Some(0.5));
    experiment.methods[0].stages[0].training.optimizer.config = json!({ "lr": 0.1 });
    // Other seeds, so that no two runs claim the same cell: they must not be merged all the same.
    experiment.seeds = vec![3, 4];
    write_all(results.path(), &experiment, |_, _, _| Some(0.7));
    let comparison = compare(&options(results.path())).unwrap();
    let rows = &comparison.tables[0].rows;
    let mut means: Vec<f64> = rows.iter().map(|row| row.cells[0].unwrap().mean).collect();
    means.sort_by(f64::total_cmp);
    assert_eq!(means, [0.5, 0.7]);
    for row in rows {
        assert!(row.label.text.starts_with("dann [") && row.label.text.len() == 15, "{row:?}");
    }
    assert_eq!(
        comparison.notes[1],
        "`dann` has 2 configurations, kept apart; they differ in \
         `method.stages.0.training.optimizer.config.lr`."
    );
}

#[test]
fn runs_on_other_data_are_refused() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann"], &TASKS[..1], &[1]);
    let job = &experiment.jobs()[0];
    write_run(results.path(), &experiment, job, 0.5);
    let header = isthmus_results::RecordHeader::new(&experiment, job, "other", "0.1.0", false);
    assert_ne!(header.run.id, support::header(&experiment, job).run.id);
    assert_ne!("other", FINGERPRINT);
    let mut writer = RecordWriter::create(results.path(), &header, environment()).unwrap();
    writer.evaluation(0, 10, &[("target_accuracy", 0.6)]).unwrap();
    writer.finish().unwrap();
    let error = compare(&options(results.path())).unwrap_err().to_string();
    assert!(
        error.contains("are runs of the same configuration, task and seed on different data"),
        "{error}"
    );
}

#[test]
fn a_run_found_twice_counts_once_and_contradictions_are_refused() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let experiment = experiment(&["dann"], &TASKS[..1], &[1, 2]);
    let both = CompareOptions {
        paths: vec![first.path().to_owned(), second.path().to_owned()],
        ..CompareOptions::default()
    };
    write_all(first.path(), &experiment, |_, _, seed| Some(0.1 * seed as f64));
    write_all(second.path(), &experiment, |_, _, seed| (seed == 1).then_some(0.1));
    let comparison = compare(&both).unwrap();
    assert_eq!(row(&comparison, "dann").cells[0].unwrap().seeds, 2);
    assert_eq!(comparison.notes[1], "1 run found more than once and counted once.");

    write_all(second.path(), &experiment, |_, _, seed| (seed == 1).then_some(0.2));
    let error = compare(&both).unwrap_err().to_string();
    assert!(error.contains("same configuration, task and seed with different results"), "{error}");
}

#[test]
fn data_sets_get_a_table_each() {
    let results = tempfile::tempdir().unwrap();
    let office = experiment(&["dann"], &TASKS[..1], &[1]);
    write_all(results.path(), &office, |_, _, _| Some(0.5));
    let mut digits = experiment(&["dann"], &[("mnist", "usps")], &[1]);
    digits.name = "digits".to_owned();
    digits.data.dataset = "digits".to_owned();
    write_all(results.path(), &digits, |_, _, _| Some(0.6));
    let comparison = compare(&options(results.path())).unwrap();
    let names: Vec<_> =
        comparison.tables.iter().map(|table| table.dataset.as_deref().unwrap()).collect();
    assert_eq!(names, ["digits", "office31"]);

    let by_dataset = CompareOptions { columns: Dimension::Dataset, ..options(results.path()) };
    let comparison = compare(&by_dataset).unwrap();
    assert_eq!(comparison.tables.len(), 1);
    assert_eq!(comparison.tables[0].columns.len(), 2);
    assert!(!comparison.tables[0].has_average);
}

#[test]
fn questions_without_an_answer_are_errors_that_help() {
    let results = tempfile::tempdir().unwrap();
    let here = options(results.path());
    assert!(matches!(compare(&here), Err(CompareError::NoRecords { .. })));
    let missing = CompareOptions { paths: vec![PathBuf::from("no/such/place")], ..here.clone() };
    assert!(matches!(compare(&missing), Err(CompareError::Record(_))));

    office(results.path());
    let error = |change: &dyn Fn(&mut CompareOptions)| {
        let mut options = here.clone();
        change(&mut options);
        compare(&options).unwrap_err().to_string()
    };
    assert_eq!(
        error(&|options| options.metric = Some("target_acuracy".to_owned())),
        "no run has the metric `target_acuracy` in its last stage; did you mean \
         `target_accuracy`?; there are: source_loss, target_accuracy"
    );
    assert_eq!(
        error(&|options| options.rows = Dimension::Task),
        "rows and columns are both `task`"
    );
    assert_eq!(
        error(&|options| options.rows = Dimension::Experiment),
        "a cell would average several methods (dann, mcc, source-only, target-only); make \
         `method` the rows or the columns"
    );
    assert_eq!(
        error(&|options| options.rows = "methods".parse().unwrap()),
        "no run has a setting `methods`; did you mean `method`?; rows and columns can be: method, \
         task, source, target, experiment, dataset, shift, severity, seed, selection"
    );
}

#[test]
fn what_was_left_out_is_told() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann"], &TASKS[..1], &[1, 2, 3]);
    let jobs = experiment.jobs();
    write_run(results.path(), &experiment, &jobs[0], 0.5);
    let begin = |job| {
        let header = support::header(&experiment, job);
        RecordWriter::create(results.path(), &header, environment()).unwrap()
    };
    begin(&jobs[1]).fail("diverged").unwrap();
    begin(&jobs[2]).finish().unwrap();
    let comparison = compare(&options(results.path())).unwrap();
    assert_eq!(comparison.warnings.len(), 1);
    assert!(comparison.warnings[0].reason.ends_with("the run failed: diverged"));
    assert!(comparison.notes[1].starts_with("1 run without `target_accuracy` in the last stage"));
}

#[test]
fn tasks_with_several_sources_are_one_column() {
    let results = tempfile::tempdir().unwrap();
    let mut experiment: Experiment = experiment(&["dann"], &TASKS[..1], &[1]);
    experiment.data.tasks = vec![Task::new(["amazon", "dslr"], "webcam")];
    write_all(results.path(), &experiment, |_, _, _| Some(0.5));
    let comparison = compare(&options(results.path())).unwrap();
    let text = comparison.render(Format::Terminal(TerminalOptions::default()));
    assert!(text.contains("amazon + dslr → webcam"), "{text}");
    assert!(!text.contains("average"), "one task needs no average: {text}");
}
