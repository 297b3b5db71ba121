//! Targets that are several domains in an order, through the whole program.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;

use isthmus_results::{Record, read_records};
use support::Sandbox;

const EXPERIMENT: &str = r#"
name = "stream"
seeds = [1]

[data]
dataset = "quickstart-images"
tasks = ["fonts -> corrupted"]

[data.streams]
corrupted = [
    { domain = "uci", corruption = { name = "contrast" }, severities = [1, 4] },
    { domain = "uci", corruption = { name = "gaussian-noise" }, severities = [1, 4] },
    { domain = "uci" },
]

[extractor]
name = "mlp"
hidden = [32]

[classifier]
name = "linear"

[training]
iterations = 40
batch_size = 128

[training.optimizer]
name = "adam"

[methods.source-only]
align = [{ name = "source-only" }]

[methods.batch-statistics]
stages = [{ align = [{ name = "source-only" }] }, { align = [{ name = "batch-statistics" }] }]

[methods.tent]
stages = [
    { align = [{ name = "source-only" }] },
    { align = [{ name = "tent", reset = "shift" }] },
]
"#;

const SHIFTS: [&str; 5] =
    ["uci/contrast-1", "uci/contrast-4", "uci/gaussian-noise-1", "uci/gaussian-noise-4", "uci"];

fn run(sandbox: &Sandbox, results: &str, more: &[&str]) -> BTreeMap<String, Record> {
    let mut arguments = vec!["run", "stream.toml", "--results", results, "--jobs", "1"];
    arguments.extend(more);
    let said = sandbox.isthmus(&arguments);
    assert_eq!(said.code, 0, "{}", said.errors);
    let records = read_records(&[sandbox.path().join(results)]).unwrap().records;
    records.into_iter().map(|record| (record.run.method.clone(), record)).collect()
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("stream.toml", EXPERIMENT);
    sandbox
}

/// The last value of a metric.
fn last(record: &Record, metric: &str) -> f64 {
    let rows = record.metrics.iter().filter(|row| row.metric == metric);
    rows.max_by_key(|row| (row.stage, row.step)).unwrap_or_else(|| panic!("no {metric}")).value
}

#[test]
fn a_stream_is_measured_as_a_whole_by_shift_and_over_time() {
    let sandbox = sandbox();
    let records = run(&sandbox, "results", &[]);
    assert_eq!(records.len(), 3);
    for (method, record) in &records {
        let whole = last(record, "target_accuracy");
        let of_shifts = SHIFTS.map(|shift| last(record, &format!("target_accuracy/{shift}")));
        let mean = of_shifts.iter().sum::<f64>() / 5.0;
        assert!((whole - mean).abs() < 1e-12, "{method}: {whole} is not the mean {mean}");
        let so_far: Vec<f64> = record
            .metrics
            .iter()
            .filter(|row| row.metric == "running_accuracy")
            .map(|row| row.value)
            .collect();
        if method == "source-only" {
            assert!(so_far.is_empty());
            continue;
        }
        // At the end of each domain; 1797 digits are 15 batches.
        assert_eq!(so_far.len(), 6, "{method}");
        assert!((so_far[0] - of_shifts[0]).abs() < 1e-12);
        assert_eq!(*so_far.last().unwrap(), whole);
    }
    let noisy = |method: &str| last(&records[method], "target_accuracy/uci/contrast-4");
    assert!(noisy("batch-statistics") > noisy("source-only") + 0.1, "less contrast is no shift");

    let folder = fs::read_dir(sandbox.path().join("results/stream")).unwrap().next().unwrap();
    let predictions = fs::read_to_string(folder.unwrap().path().join("predictions.csv")).unwrap();
    assert_eq!(predictions.lines().count(), 1 + 5 * 1797);
    assert!(predictions.lines().nth(1).unwrap().starts_with("0,uci/contrast-1: 0,"));

    let compare = |more: &[&str]| {
        let said = sandbox.isthmus(&[&["compare", "results"], more].concat());
        assert_eq!(said.code, 0, "{}", said.errors);
        said.answer
    };
    let table = compare(&["--rows", "shift", "--columns", "severity"]);
    for method in ["source-only", "batch-statistics", "tent"] {
        assert!(table.contains(&format!("in percent, method {method}\n")), "{table}");
    }
    for heading in ["as it is", "gaussian-noise", "contrast"] {
        assert!(table.contains(heading), "{table}");
    }
    let table = compare(&["--columns", "severity", "--filter", "shift=contrast"]);
    let tent = table.lines().find(|line| line.contains("tent")).unwrap();
    for severity in [1, 4] {
        let value = last(&records["tent"], &format!("target_accuracy/uci/contrast-{severity}"));
        assert!(tent.contains(&format!("{:.1}", value * 100.0)), "{value} is not in {tent}");
    }
}

#[test]
fn the_order_of_a_stream_concerns_what_learns_on_the_way_alone() {
    let sandbox = sandbox();
    let shuffled = run(&sandbox, "shuffled", &[]);
    for order in ["natural", "by-label"] {
        let set = format!("data.stream_order={order}");
        let ordered = run(&sandbox, order, &["--set", &set]);
        let accuracy = |records: &BTreeMap<String, Record>, method: &str| {
            last(&records[method], "target_accuracy")
        };
        assert_eq!(accuracy(&ordered, "source-only"), accuracy(&shuffled, "source-only"));
        let (now, before) = (accuracy(&ordered, "tent"), accuracy(&shuffled, "tent"));
        assert_ne!(now, before, "{order}");
        if order == "by-label" {
            // Each batch holds one class or two.
            assert!(now < before - 0.1, "{now} against {before}");
        }
    }
    let said = sandbox.isthmus(&[
        "run",
        "stream.toml",
        "--without-target-labels",
        "--set",
        "data.stream_order=by-label",
    ]);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("takes target labels"), "{}", said.errors);
}

#[test]
fn the_order_of_a_stream_can_be_swept() {
    let sandbox = sandbox();
    let sweep = "[sweep.values]\ndata.stream_order = [\"natural\", \"by-label\"]\n";
    sandbox.write("swept.toml", &format!("{EXPERIMENT}{sweep}"));
    let said = sandbox.isthmus(&["run", "swept.toml", "--jobs", "1"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let swept = read_records(&[sandbox.path().join("results")]).unwrap().records;
    // `source-only` sees no stream: it is run once.
    assert_eq!(swept.len(), 5);
    let natural = run(&sandbox, "natural", &["--set", "data.stream_order=natural"]);
    for record in &swept {
        let method = &record.run.method;
        match record.run.settings.get("data.stream_order").and_then(|order| order.as_str()) {
            None => assert_eq!(method, "source-only"),
            Some("natural") => assert_eq!(record.metrics, natural[method].metrics, "{method}"),
            Some(_) => assert_ne!(record.metrics, natural[method].metrics, "{method}"),
        }
    }
}

/// Without labels a stream is predicted all the same, and nothing is said of accuracy.
#[test]
fn a_blind_stream_has_no_accuracy_of_any_kind() {
    let sandbox = sandbox();
    let sighted = run(&sandbox, "sighted", &[]);
    let blind = run(&sandbox, "blind", &["--without-target-labels"]);
    for (method, record) in &blind {
        let accuracy = record.metrics.iter().find(|row| {
            row.metric.starts_with("running_") || row.metric.starts_with("target_accuracy")
        });
        assert!(accuracy.is_none(), "{method}: {accuracy:?}");
        let spread = |record| last(record, "target_effective_classes");
        assert_eq!(spread(record), spread(&sighted[method]), "{method}");
    }
}
