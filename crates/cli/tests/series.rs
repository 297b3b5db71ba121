//! Series of different lengths through the real command.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;

use isthmus_core::random::Key;
use isthmus_results::{Record, read_records};
use rand::RngExt;
use support::Sandbox;
use support::npz::{Array, write_npz};

const CHANNELS: usize = 2;
const LONGEST: usize = 40;
const CLASSES: usize = 3;
const ROWS: usize = 60;

const DESCRIPTOR: &str = r#"
name = "signals"
domains = [
  { name = "a", reader = { name = "series", file = "a.npz", lengths = "steps" } },
  { name = "b", reader = { name = "series", file = "b.npz", lengths = "steps" } },
]
"#;

const EXPERIMENT: &str = r#"
name = "crashes"
seeds = [1]

[data]
dataset = "signals"
tasks = ["a -> b"]
protocol = "transductive"

[data.views]
weak = [{ name = "jitter" }]
strong = [{ name = "scaling" }, { name = "permutation" }]

[extractor]
name = "cnn1d"
channels = 8
features = 16

[bottleneck]
name = "linear"
size = 8

[classifier]
name = "linear"

[training]
iterations = 60
batch_size = 16
evaluate_every = 20

[training.optimizer]
name = "adam"
lr = 0.01

[selection]
validators = [{ name = "infomax" }, { name = "source-risk" }]

[record]
outputs = 20
theory = true

[methods.source-only]
align = [{ name = "source-only" }]

[methods.dann]
align = [{ name = "dann" }, { name = "vat" }]
training = { normalization = "per-domain" }

[methods.jan]
align = [{ name = "jan" }]

[methods.fixmatch]
align = [{ name = "fixmatch" }]

[methods.mean-teacher]
align = [{ name = "mean-teacher" }]

[methods.mcd]
align = [{ name = "mcd" }]

[methods.coral]
align = [{ name = "coral" }]

[methods.adabn]
stages = [{ align = [{ name = "source-only" }] }, { align = [{ name = "adabn" }] }]

[methods.tent]
stages = [{ align = [{ name = "source-only" }] }, { align = [{ name = "tent" }] }]
"#;

/// Writes waves whose frequency is that of their class, each of its own length; `shift` moves them.
/// What is beyond their lengths is no number.
fn write_domain(sandbox: &Sandbox, name: &str, shift: f32) {
    let mut rng = Key::new(4).named(name).rng();
    let mut values = vec![f32::NAN; ROWS * CHANNELS * LONGEST];
    let (mut lengths, mut labels) = (Vec::new(), Vec::new());
    for (row, channels) in values.chunks_mut(CHANNELS * LONGEST).enumerate() {
        let (class, length) = (row % CLASSES, rng.random_range(9..=LONGEST));
        let phase = rng.random_range(0.0..6.0);
        for (channel, steps) in channels.chunks_mut(LONGEST).enumerate() {
            for (step, value) in steps[..length].iter_mut().enumerate() {
                let angle = (0.4 + 0.5 * class as f32) * step as f32 + phase + channel as f32;
                *value = angle.sin() + shift + rng.random_range(-0.1..0.1);
            }
        }
        lengths.push(length as i64);
        labels.push(class as i64);
    }
    let arrays = [
        ("x", &[ROWS, CHANNELS, LONGEST][..], Array::Floats(&values)),
        ("steps", &[ROWS], Array::Integers(&lengths)),
        ("y", &[ROWS], Array::Integers(&labels)),
    ];
    write_npz(&sandbox.path().join(format!("datasets/signals/{name}.npz")), &arrays);
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("datasets/signals.toml", DESCRIPTOR);
    sandbox.write("crashes.toml", EXPERIMENT);
    write_domain(&sandbox, "a", 0.0);
    write_domain(&sandbox, "b", 0.3);
    sandbox
}

fn accuracy(record: &Record) -> f64 {
    let rows = record.metrics.iter().filter(|row| row.metric == "target_accuracy");
    rows.max_by_key(|row| (row.stage, row.step)).unwrap().value
}

#[test]
fn methods_of_every_kind_train_and_predict_series_of_different_lengths() {
    let sandbox = sandbox();
    let said = sandbox.isthmus(&["check", "--data", "crashes.toml"]);
    assert!(said.code == 0 && said.answer.contains("120 samples read"), "{said:?}");
    let said = sandbox.isthmus(&["run", "crashes.toml", "--results", "results", "--jobs", "1"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let records = read_records(&[sandbox.path().join("results")]).unwrap().records;
    let records: BTreeMap<String, Record> =
        records.into_iter().map(|record| (record.run.method.clone(), record)).collect();
    assert_eq!(records.len(), 9);
    for (method, record) in &records {
        println!("{method}: {:.3}", accuracy(record));
        assert!(record.metrics.iter().all(|row| row.value.is_finite()), "{method}");
        let task = std::fs::read_to_string(record.directory.join("task.json")).unwrap();
        assert!(task.contains("variable-series"), "{task}");
        assert_eq!(record.predictions().unwrap().unwrap().len(), ROWS);
    }
    assert!(accuracy(&records["source-only"]) > 0.6);
    let said = sandbox.isthmus(&["compare", "results"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    // A recorded model predicts what the run has recorded.
    let record = &records["dann"];
    let folder = record.directory.to_str().unwrap();
    let said = sandbox.isthmus(&["predict", folder, "signals", "--domain", "b"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let recorded = record.predictions().unwrap().unwrap();
    for (line, row) in said.answer.lines().skip(1).zip(&recorded) {
        let class = line.split(',').nth(1).unwrap();
        assert_eq!(class, row.predicted.to_string(), "{line}");
    }
    // So it does with the file alone.
    let file = "datasets/signals/b.npz";
    let alone = sandbox.isthmus(&["predict", folder, file, "--lengths", "steps"]);
    assert_eq!((alone.code, &alone.answer), (0, &said.answer), "{}", alone.errors);
    let said = sandbox.isthmus(&["predict", folder, file]);
    assert!(said.errors.contains("has no array `lengths`"), "{}", said.errors);
}

#[test]
#[cfg(unix)]
fn runs_that_are_killed_end_as_if_nothing_had_happened() {
    support::crashes::killed_runs_end_alike(&sandbox(), 12);
}

#[test]
fn what_cannot_be_done_with_series_of_different_lengths_is_said_before_anything_is_trained() {
    let sandbox = sandbox();
    let run = |change: &dyn Fn(&str) -> String| {
        sandbox.write("wrong.toml", &change(EXPERIMENT));
        let said = sandbox.isthmus(&["run", "wrong.toml", "--results", "wrong", "--jobs", "1"]);
        assert_ne!(said.code, 0);
        // The display breaks lines.
        said.errors.split_whitespace().filter(|it| *it != "│").collect::<Vec<_>>().join(" ")
    };
    let error = run(&|text| text.replace("{ name = \"infomax\" }", "{ name = \"mixval\" }"));
    assert!(error.contains("series of different lengths cannot be mixed"), "{error}");
    let mlp = "[extractor]\nname = \"mlp\"\n[bottleneck]";
    let cnn1d = "[extractor]\nname = \"cnn1d\"\nchannels = 8\nfeatures = 16\n\n[bottleneck]";
    let error = run(&|text| text.replace(cnn1d, mlp));
    assert!(error.contains("takes samples of one size") && error.contains("up to"), "{error}");
    // A later stage is looked at before the first one trains.
    let layers = "stages = [{ align = [{ name = \"source-only\" }] }, \
                  { align = [{ name = \"jan\", layers = [\"extractor.0\", \"features\"] }] }]";
    let only = |text: &str| {
        let settings = text.split("[methods.source-only]").next().unwrap();
        format!("{settings}[methods.jan]\n{layers}\n")
    };
    std::fs::remove_dir_all(sandbox.path().join("wrong")).unwrap();
    let error = run(&only);
    assert!(error.contains("has no layer `extractor.0`; it has `features`, `logits`"), "{error}");
    let records = std::fs::read_dir(sandbox.path().join("wrong/crashes")).unwrap();
    let records: Vec<_> = records.map(|entry| entry.unwrap().path()).collect();
    let [record] = records.as_slice() else { panic!("{records:?}") };
    let events = std::fs::read_to_string(record.join("events.jsonl")).unwrap();
    assert!(events.contains("failed") && !events.contains("stage-started"), "{events}");
    // All domains have lengths, or none.
    let one = DESCRIPTOR.replacen(", lengths = \"steps\"", "", 1);
    sandbox.write("datasets/signals.toml", &one);
    let error = run(&str::to_owned);
    assert!(error.contains("row 0") && error.contains("NaN"), "{error}");
    let arrays = [
        ("x", &[6, CHANNELS, 5][..], Array::Floats(&[0.5; 6 * CHANNELS * 5])),
        ("y", &[6], Array::Integers(&[0, 1, 2, 0, 1, 2])),
    ];
    write_npz(&sandbox.path().join("datasets/signals/a.npz"), &arrays);
    let error = run(&str::to_owned);
    assert!(error.contains("name the array of `lengths` for every domain"), "{error}");
}
