//! Tables of the domains of streams.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use isthmus_core::corruption::Severity;
use isthmus_core::spec::{CorruptionSpec, Experiment, Shift, Task};
use isthmus_results::compare::{CompareOptions, Comparison, Dimension, compare};
use support::{environment, experiment, header, plugin};

fn shift(corruption: &str, level: u8) -> Shift {
    let severity = Severity::try_from(level).unwrap();
    let corruption = CorruptionSpec { plugin: plugin(corruption), severity };
    Shift { domain: "amazon".to_owned(), corruption: Some(corruption) }
}

/// Two methods and two seeds on a stream of two corruptions at two severities and a domain as it
/// is; the runs of an experiment with it are written below `results`.
fn written(results: &std::path::Path) -> Experiment {
    let mut experiment = experiment(&["dann", "tent"], &[("dslr", "webcam")], &[1, 2]);
    let plain = Shift { domain: "webcam".to_owned(), corruption: None };
    let shifts =
        vec![shift("noise", 1), shift("noise", 5), shift("blur", 1), shift("blur", 5), plain];
    experiment.data.tasks = vec![Task { shifts, ..Task::new(["dslr"], "storm") }];
    for job in experiment.jobs() {
        let mut writer = isthmus_results::RecordWriter::create(
            results,
            &header(&experiment, &job),
            environment(),
        )
        .unwrap();
        let method = if job.method.label == "tent" { 0.1 } else { 0.0 };
        let mut values = vec![("target_accuracy".to_owned(), 0.5)];
        for (place, shift) in job.task().shifts.iter().enumerate() {
            let value = 0.1 * place as f64 + method + 0.02 * job.seed as f64;
            values.push((format!("target_accuracy/{}", shift.name()), value));
        }
        let values: Vec<(&str, f64)> = values.iter().map(|(name, v)| (name.as_str(), *v)).collect();
        writer.evaluation(0, 10, &values).unwrap();
        writer.finish().unwrap();
    }
    experiment
}

fn options(results: &std::path::Path) -> CompareOptions {
    CompareOptions { paths: vec![results.to_owned()], ..CompareOptions::default() }
}

fn by(results: &std::path::Path, rows: Dimension, columns: Dimension) -> Comparison {
    compare(&CompareOptions { rows, columns, ..options(results) }).unwrap()
}

fn means(comparison: &Comparison, table: usize) -> Vec<(String, Vec<Option<f64>>)> {
    let rows = comparison.tables[table].rows.iter();
    let mean = |cell: &Option<isthmus_results::compare::Summary>| {
        cell.as_ref().map(|cell| (cell.mean * 1e6).round() / 1e6)
    };
    rows.map(|row| (row.label.text.clone(), row.cells.iter().map(mean).collect())).collect()
}

#[test]
fn shifts_and_severities_are_rows_and_columns_of_a_table_a_method() {
    let results = tempfile::tempdir().unwrap();
    written(results.path());
    let comparison = by(results.path(), Dimension::Shift, Dimension::Severity);
    let methods: Vec<_> = comparison.tables.iter().map(|it| it.method.clone().unwrap()).collect();
    assert_eq!(methods, ["dann", "tent"]);
    let table = &comparison.tables[1];
    let columns: Vec<&str> = table.columns.iter().map(|label| label.text.as_str()).collect();
    assert_eq!(columns, ["as it is", "1", "5"]);
    // In the order of the stream; the mean of seeds 1 and 2 adds 0.03.
    let row = |name: &str, cells: [Option<f64>; 3]| (name.to_owned(), cells.to_vec());
    let expected = [
        row("noise", [None, Some(0.13), Some(0.23)]),
        row("blur", [None, Some(0.33), Some(0.43)]),
        row("webcam", [Some(0.53), None, None]),
    ];
    assert_eq!(means(&comparison, 1), expected);
    let csv = comparison.render(isthmus_results::Format::Csv);
    assert!(csv.starts_with("dataset,method,selection,metric,shift,severity,"), "{csv}");
}

#[test]
fn methods_are_compared_by_the_mean_over_severities_that_filters_leave() {
    let results = tempfile::tempdir().unwrap();
    written(results.path());
    let comparison = by(results.path(), Dimension::Method, Dimension::Shift);
    let row = |name: &str, cells: &[f64]| {
        (name.to_owned(), cells.iter().copied().map(Some).collect::<Vec<_>>())
    };
    let expected = [row("dann", &[0.08, 0.28, 0.43]), row("tent", &[0.18, 0.38, 0.53])];
    assert_eq!(means(&comparison, 0), expected);
    assert!(comparison.tables[0].has_average && comparison.tables[0].has_rank);

    let filters = ["severity=5", "shift=blur", "shift=noise"].map(|text| text.parse().unwrap());
    let filtered =
        compare(&CompareOptions { filters: filters.to_vec(), ..options(results.path()) }).unwrap();
    // The default columns are tasks: the mean of noise and blur at severity 5.
    assert_eq!(means(&filtered, 0), [row("dann", &[0.23]), row("tent", &[0.33])]);
    // Without filters the whole stream is compared.
    let whole = compare(&options(results.path())).unwrap();
    assert_eq!(means(&whole, 0), [row("dann", &[0.5]), row("tent", &[0.5])]);
}

#[test]
fn runs_without_a_stream_are_left_out_or_refused() {
    let results = tempfile::tempdir().unwrap();
    let single = experiment(&["dann"], &[("dslr", "webcam")], &[1]);
    support::write_all(results.path(), &single, |_, _, _| Some(0.5));
    let shifts = CompareOptions { columns: Dimension::Shift, ..options(results.path()) };
    let error = compare(&shifts).unwrap_err().to_string();
    assert!(error.contains("no run has a stream of several domains"), "{error}");
    written(results.path());
    let comparison = compare(&shifts).unwrap();
    let note = "1 run on a target of one domain left out: they have no shifts.";
    assert!(comparison.notes.iter().any(|found| found == note), "{:?}", comparison.notes);
    let loss = CompareOptions { metric: Some("source_loss".to_owned()), ..shifts };
    assert!(compare(&loss).is_err());
}
