//! Runs of sweeps: what is chosen among them, and their settings as rows and columns.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use isthmus_results::{CompareError, CompareOptions, Dimension, Format, compare};
use serde_json::json;
use support::choices::{TASKS, cell, mean, names, one_run, options, overview};
use support::{experiment, write_all, write_evaluations};

/// Three learning rates; the highest accuracy is at 0.1, the highest score at 0.01, step 5.
fn sweep(results: &Path, seeds: &[u64]) {
    for (rate, accuracy, score) in [
        (0.1, [0.9, 0.5], [0.1, 0.2]),
        (0.01, [0.8, 0.7], [0.9, 0.1]),
        (0.001, [0.6, 0.6], [0.3, 0.3]),
    ] {
        let mut experiment = experiment(&["dann"], &TASKS[..1], seeds);
        experiment.methods[0].stages[0].training.optimizer.config = json!({ "lr": rate });
        for job in experiment.jobs() {
            let values = |place: usize| {
                [("target_accuracy", accuracy[place]), ("validator/entropy", score[place])]
            };
            write_evaluations(
                results,
                &experiment,
                &job,
                json!({ "training.optimizer.lr": rate }),
                &[(0, 5, &values(0)), (0, 10, &values(1))],
            );
        }
    }
}

#[test]
fn a_sweep_is_one_pool_to_choose_from() {
    let results = tempfile::tempdir().unwrap();
    sweep(results.path(), &[1, 2]);
    let last = compare(&options(results.path(), "last")).unwrap();
    assert_eq!(names(&last.tables[0]), ["dann (lr=0.001)", "dann (lr=0.01)", "dann (lr=0.1)"]);
    assert_eq!(mean(&last, 0, "dann (lr=0.1)"), 0.5);
    let entropy = compare(&options(results.path(), "entropy")).unwrap();
    assert_eq!((names(&entropy.tables[0]), mean(&entropy, 0, "dann")), (vec!["dann"], 0.8));
    let oracle = compare(&options(results.path(), "oracle")).unwrap();
    assert_eq!(mean(&oracle, 0, "dann"), 0.9);

    let overview = compare(&overview(results.path())).unwrap();
    assert_eq!(overview.tables[0].rows.len(), 3);
    let below = &overview.tables[1];
    assert_eq!(names(below), ["dann"]);
    // The last checkpoint of three settings is no choice.
    let values: Vec<Option<f64>> =
        (0..below.columns.len()).map(|column| cell(below, "dann", column)).collect();
    assert_eq!(values, [Some(0.8), Some(0.9)]);
    assert!(
        overview.notes.iter().any(|note| note.contains("is no choice")),
        "{:?}",
        overview.notes
    );

    let one = CompareOptions {
        filters: vec!["lr=0.001".parse().unwrap()],
        ..options(results.path(), "oracle")
    };
    assert_eq!(mean(&compare(&one).unwrap(), 0, "dann"), 0.6);
}

#[test]
fn runs_of_one_sweep_that_differ_otherwise_are_no_pool() {
    let results = tempfile::tempdir().unwrap();
    sweep(results.path(), &[1]);
    let mut other = experiment(&["dann"], &TASKS[..1], &[2]);
    other.methods[0].stages[0].training.batch_size = 99;
    let values = [("target_accuracy", 0.1), ("validator/entropy", 0.1)];
    let settings = json!({ "training.optimizer.lr": 0.1 });
    write_evaluations(results.path(), &other, &other.jobs()[0], settings, &[(0, 5, &values)]);
    let error = compare(&options(results.path(), "entropy")).unwrap_err();
    assert!(matches!(error, CompareError::MixedSweep { .. }), "{error}");
    let overview = compare(&overview(results.path())).unwrap();
    assert_eq!(overview.tables.len(), 1);
    assert!(overview.notes.iter().any(|note| note.contains("nothing was chosen")));
    let last = names(&overview.tables[0]).len();
    assert_eq!(last, 4, "both configurations of lr=0.1 have a row");
}

#[test]
fn a_sweep_beside_a_plain_run_keeps_its_own_row() {
    let results = tempfile::tempdir().unwrap();
    sweep(results.path(), &[1]);
    one_run(results.path());
    let comparison = compare(&options(results.path(), "oracle")).unwrap();
    assert_eq!(names(&comparison.tables[0]), ["dann", "dann (sweep of lr)"]);
}

/// What successive halving leaves: one setting a task, another on each.
#[test]
fn settings_that_win_by_task_are_one_row_with_average_and_rank() {
    let results = tempfile::tempdir().unwrap();
    let write = |rate: f64, task: &(&'static str, &'static str), accuracy: f64| {
        let mut swept = experiment(&["dann"], std::slice::from_ref(task), &[1, 2]);
        swept.methods[0].stages[0].training.optimizer.config = json!({ "lr": rate });
        for job in swept.jobs() {
            let settings = json!({ "training.optimizer.lr": rate });
            let values = [("target_accuracy", accuracy)];
            write_evaluations(results.path(), &swept, &job, settings, &[(0, 10, &values)]);
        }
    };
    write(0.1, &TASKS[0], 0.9);
    write(0.01, &TASKS[1], 0.7);
    let plain = experiment(&["mcc"], &TASKS, &[1, 2]);
    write_all(results.path(), &plain, |_, _, _| Some(0.75));
    let last = compare(&options(results.path(), "last")).unwrap();
    let table = &last.tables[0];
    assert_eq!(names(table), ["mcc", "dann"]);
    assert!((table.rows[1].average.unwrap().mean - 0.8).abs() < 1e-12);
    assert_eq!([table.rows[0].rank, table.rows[1].rank], [Some(1.5), Some(1.5)]);
    let note = "`dann` has one setting a task, not the same on all: lr=0.1 on amazon -> webcam; \
                lr=0.01 on dslr -> webcam.";
    assert!(last.notes.iter().any(|found| found == note), "{:?}", last.notes);
    // Two settings on one task are two rows again, and ranks say who takes no part.
    write(0.01, &TASKS[0], 0.6);
    let last = compare(&options(results.path(), "last")).unwrap();
    assert_eq!(names(&last.tables[0]), ["mcc", "dann (lr=0.01)", "dann (lr=0.1)"]);
    assert!(last.notes[0].contains("(without dann (lr=0.1))"), "{:?}", last.notes);
}

/// A swept method and one that is not.
fn swept_and_plain(results: &Path) {
    sweep(results, &[1, 2]);
    let plain = experiment(&["mcc"], &TASKS[..1], &[1, 2]);
    write_all(results, &plain, |_, _, seed| Some(0.5 + 0.1 * seed as f64));
}

#[test]
fn a_swept_setting_and_the_seed_can_be_columns() {
    let results = tempfile::tempdir().unwrap();
    swept_and_plain(results.path());
    let by = |columns: &str, selection: &str| {
        let columns = columns.parse().unwrap();
        compare(&CompareOptions { columns, ..options(results.path(), selection) }).unwrap()
    };
    for name in ["lr", "training.optimizer.lr"] {
        let comparison = by(name, "last");
        let table = &comparison.tables[0];
        let heads: Vec<&str> = table.columns.iter().map(|label| label.text.as_str()).collect();
        assert_eq!(heads, ["0.001", "0.01", "0.1", "not swept"]);
        assert_eq!(names(table), ["mcc", "dann"]);
        let values: Vec<Option<f64>> = (0..4).map(|column| cell(table, "dann", column)).collect();
        assert_eq!(values, [Some(0.6), Some(0.7), Some(0.5), None]);
        assert!(!table.has_average && !table.has_rank, "settings are no tasks");
    }
    // A choice is made among the checkpoints of each value, not among the values.
    let oracle = by("lr", "oracle");
    let values: Vec<Option<f64>> =
        (0..3).map(|column| cell(&oracle.tables[0], "dann", column)).collect();
    assert_eq!(values, [Some(0.6), Some(0.8), Some(0.9)]);

    let seeds = by("seed", "last");
    let table = &seeds.tables[0];
    let heads: Vec<&str> = table.columns.iter().map(|label| label.text.as_str()).collect();
    assert_eq!(heads, ["1", "2"]);
    assert_eq!([cell(table, "mcc", 0), cell(table, "mcc", 1)], [Some(0.6), Some(0.7)]);

    let rows = CompareOptions {
        rows: Dimension::Setting("lr".to_owned()),
        filters: vec!["method=dann".parse().unwrap()],
        ..options(results.path(), "last")
    };
    assert_eq!(names(&compare(&rows).unwrap().tables[0]), ["0.001", "0.01", "0.1"]);
    let csv = compare(&rows).unwrap().render(Format::Csv);
    assert!(csv.starts_with("dataset,selection,metric,lr,task,"), "{csv}");
}

#[test]
fn runs_are_written_one_a_line_with_settings_and_metrics() {
    let results = tempfile::tempdir().unwrap();
    swept_and_plain(results.path());
    let csv = isthmus_results::runs_csv(&overview(results.path())).unwrap();
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 1 + 8);
    let column = |name: &str| rows[0].iter().position(|head| *head == name).unwrap();
    let (lr, accuracy) = (column("setting/training.optimizer.lr"), column("target_accuracy"));
    let mut found: Vec<(&str, &str, &str)> =
        rows[1..].iter().map(|row| (row[column("method")], row[lr], row[accuracy])).collect();
    found.sort_unstable();
    found.dedup();
    let expected = [
        ("dann", "0.001", "0.6"),
        ("dann", "0.01", "0.7"),
        ("dann", "0.1", "0.5"),
        ("mcc", "", "0.6"),
        ("mcc", "", "0.7"),
    ];
    assert_eq!(found, expected);
    assert!(rows[1..].iter().all(|row| row[column("step")] == "10"));
    let filtered =
        CompareOptions { filters: vec!["lr=0.1".parse().unwrap()], ..overview(results.path()) };
    assert_eq!(isthmus_results::runs_csv(&filtered).unwrap().lines().count(), 1 + 2);
}

/// Two settings are left on each task, not the same two.
#[test]
fn what_halving_leaves_is_one_row_by_its_validator() {
    let results = tempfile::tempdir().unwrap();
    let write = |rate: f64, task: &(&'static str, &'static str), accuracy: f64, score: f64| {
        let mut swept = experiment(&["dann"], std::slice::from_ref(task), &[1, 2]);
        swept.methods[0].stages[0].training.optimizer.config = json!({ "lr": rate });
        for job in swept.jobs() {
            let settings = json!({ "training.optimizer.lr": rate }).as_object().unwrap().clone();
            let header = support::header(&swept, &job).with_settings(settings).halved_by("v");
            let mut writer = isthmus_results::RecordWriter::create(
                results.path(),
                &header,
                support::environment(),
            )
            .unwrap();
            // The mean over the seeds decides, of the highest score in each run.
            let of_seed = score + if job.seed == 1 { 1.0 } else { -1.0 };
            let evaluation =
                |accuracy: f64, score: f64| [("target_accuracy", accuracy), ("validator/v", score)];
            writer.evaluation(0, 5, &evaluation(0.1, of_seed)).unwrap();
            writer.evaluation(0, 10, &evaluation(accuracy, of_seed - 5.0)).unwrap();
            writer.finish().unwrap();
        }
    };
    write(0.1, &TASKS[0], 0.9, 3.0);
    write(0.01, &TASKS[0], 0.95, 2.0);
    write(0.01, &TASKS[1], 0.7, 3.0);
    write(0.001, &TASKS[1], 0.75, 2.0);
    let plain = experiment(&["mcc"], &TASKS, &[1, 2]);
    write_all(results.path(), &plain, |_, _, _| Some(0.75));
    let comparison = compare(&overview(results.path())).unwrap();
    let table = &comparison.tables[0];
    assert_eq!(names(table), ["mcc", "dann"]);
    assert_eq!([cell(table, "dann", 0), cell(table, "dann", 1)], [Some(0.9), Some(0.7)]);
    assert!((table.rows[1].average.unwrap().mean - 0.8).abs() < 1e-12);
    assert_eq!(table.rows[1].rank, Some(1.5));
    let note = "`dann` after successive halving: the setting that `v` scores highest, by its mean \
                over the seeds: lr=0.1 on amazon -> webcam; lr=0.01 on dslr -> webcam.";
    assert!(comparison.notes.iter().any(|found| found == note), "{:?}", comparison.notes);
    // The overview has a value for the last checkpoint too; a choice is made among all that is left.
    let below = &comparison.tables[1];
    let heads: Vec<&str> = below.columns.iter().map(|label| label.text.as_str()).collect();
    assert_eq!(heads, ["last", "v", "oracle"]);
    assert!((cell(below, "dann", 0).unwrap() - 0.8).abs() < 1e-12);
    assert!((cell(below, "dann", 2).unwrap() - 0.85).abs() < 1e-12);
}
