//! Many records: the index that saves reading them again, and the time that a table takes.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use isthmus_results::table::Runs;
use isthmus_results::{CompareOptions, Rounds, compare};
use serde_json::json;
use support::{experiment, write_evaluations, write_many};

const INDEX: &str = ".isthmus-index.jsonl";

/// A folder of `number` records with five evaluations of two metrics each.
fn store(number: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let experiment = experiment(&["dann"], &[("amazon", "webcam")], &[1]);
    let values = [("target_accuracy", 0.5), ("target_loss", 1.25)];
    let template = write_evaluations(
        &folder.path().join("template"),
        &experiment,
        &experiment.jobs()[0],
        json!({}),
        &[1, 2, 3, 4, 5].map(|step| (0, step, values.as_slice())),
    );
    let results = folder.path().join("results");
    write_many(&results.join("office"), &template, number);
    (folder, results)
}

/// Sum of the accuracies of all rows, number of runs, number of warnings.
fn read(results: &Path) -> (f64, usize, usize) {
    let runs = Runs::load(&[results.to_owned()], Rounds::Last).unwrap();
    let frame = runs.metrics().unwrap();
    let sum = frame.column("value").unwrap().f64().unwrap().iter().flatten().sum::<f64>();
    (sum, runs.runs.len(), runs.warnings.len())
}

#[test]
fn the_index_never_hides_a_change() {
    const NUMBER: usize = 1000;
    let started = Instant::now();
    let (_folder, results) = store(NUMBER);
    let index = results.join(INDEX);
    let full = NUMBER as f64 * 5.0 * 1.75;
    // Files that are this new might change again without another time: nothing is remembered.
    assert_eq!(read(&results), (full, NUMBER, 0));
    let remembered = fs::read_to_string(&index).unwrap_or_default().lines().count();
    // On a busy machine the first of them are old by now.
    if started.elapsed() < Duration::from_secs(2) {
        assert_eq!(remembered.saturating_sub(1), 0);
    }

    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(read(&results), (full, NUMBER, 0));
    assert_eq!(fs::read_to_string(&index).unwrap().lines().count(), NUMBER + 1);
    assert_eq!(read(&results), (full, NUMBER, 0), "from the index");

    let mut records: Vec<PathBuf> =
        fs::read_dir(results.join("office")).unwrap().map(|entry| entry.unwrap().path()).collect();
    records.sort();
    // A file of the same length with other numbers is damage, and found.
    let metrics = records[0].join("metrics.csv");
    let text = fs::read_to_string(&metrics).unwrap();
    fs::write(&metrics, text.replace("0.5", "0.9")).unwrap();
    assert_eq!(read(&results), (full - 8.75, NUMBER - 1, 1));
    // A record that took the place of another one is read.
    let (_other, other) = store(1);
    fs::remove_dir_all(&records[0]).unwrap();
    let new = fs::read_dir(other.join("office")).unwrap().next().unwrap().unwrap().path();
    fs::rename(&new, &records[0]).unwrap();
    assert_eq!(read(&results), (full, NUMBER, 0));
    // A deleted record is gone, an unfinished one told.
    fs::remove_dir_all(&records[1]).unwrap();
    fs::remove_file(records[2].join("done")).unwrap();
    assert_eq!(read(&results), (full - 17.5, NUMBER - 2, 1));

    // A damaged index is not believed.
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, text.replace("0.5", "0.6")).unwrap();
    assert_eq!(read(&results), (full - 17.5, NUMBER - 2, 1));
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_read_all_the_same() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, results) = store(1000);
    std::thread::sleep(Duration::from_millis(2500));
    fs::set_permissions(&results, fs::Permissions::from_mode(0o555)).unwrap();
    let read = read(&results);
    fs::set_permissions(&results, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(read, (8750.0, 1000, 0));
}

/// Peak memory of this process in MiB, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

/// Seconds that this process has computed, on all processors, where the system tells.
fn processor_time() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = status.rsplit_once(')')?;
    let ticks: Vec<u64> =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    Some(ticks.iter().sum::<u64>() as f64 / 100.0)
}

/// `cargo nextest run --release -p isthmus-results -p isthmus --run-ignored only --no-capture
/// hundred_thousand`
#[test]
#[ignore = "writes 100,000 records; run by itself, nothing beside it"]
fn a_hundred_thousand_runs_compare_within_two_seconds() {
    const NUMBER: usize = 100_000;
    let (_folder, results) = store(NUMBER);
    std::thread::sleep(Duration::from_millis(2500));
    let options = CompareOptions { paths: vec![results], ..CompareOptions::default() };
    let mut times = Vec::new();
    for _ in 0..4 {
        let (start, computed) = (Instant::now(), processor_time());
        let comparison = compare(&options).unwrap();
        times.push(start.elapsed().as_secs_f64());
        let computed = processor_time().zip(computed).map(|(after, before)| after - before);
        println!("{:.2} s, of processors {computed:.2?} s", times[times.len() - 1]);
        assert_eq!(comparison.tables[0].rows[0].cells[0].unwrap().seeds, NUMBER);
        assert!(comparison.warnings.is_empty());
    }
    let memory = peak_memory();
    println!(
        "{NUMBER} runs, {} metric rows: {:.2} s without an index, then {:.2} s, {:.2} s, {:.2} s; \
         peak memory {memory:?} MiB",
        NUMBER * 10,
        times[0],
        times[1],
        times[2],
        times[3]
    );
    let fastest = times[1..].iter().copied().fold(f64::INFINITY, f64::min);
    assert!(fastest < 2.0, "{times:?}");
    assert!(memory.is_none_or(|memory| memory < 2048), "{memory:?}");
}
