//! Texts through the real command.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;

use isthmus_core::random::Key;
use isthmus_results::{Record, read_records};
use rand::seq::IndexedRandom;
use support::Sandbox;

const ROWS: usize = 60;

const DESCRIPTOR: &str = r#"
name = "opinions"
domains = [
  { name = "books", reader = { name = "text", files = [{ file = "books.jsonl" }] } },
  { name = "pans", reader = { name = "text", format = "table", label = "class", files = [{ file = "pans.csv" }] } },
]
"#;

const EXPERIMENT: &str = r#"
name = "crashes"
seeds = [1]

[data]
dataset = "opinions"
tasks = ["books -> pans"]
protocol = "transductive"

[data.views]
weak = [{ name = "word-dropout" }]
strong = [{ name = "word-dropout", probability = 0.3 }, { name = "word-masking" }]

[extractor]
name = "deep-averaging"
size = 4
hidden = [8]

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

[methods.source-only]
align = [{ name = "source-only" }]

[methods.dann]
align = [{ name = "dann" }]
training = { normalization = "per-domain" }

[methods.jan]
align = [{ name = "jan", layers = ["extractor.0", "logits"] }]

[methods.fixmatch]
align = [{ name = "fixmatch" }]

[methods.mean-teacher]
align = [{ name = "mean-teacher" }]

[methods.coral]
align = [{ name = "coral" }]

[methods.adabn]
stages = [{ align = [{ name = "source-only" }] }, { align = [{ name = "adabn" }] }]
"#;

/// Opinions on things, each with words of its class among others.
fn opinions(domain: &str, things: &[&str]) -> Vec<(String, &'static str)> {
    const GOOD: [&str; 4] = ["good", "great", "lovely", "best"];
    const BAD: [&str; 4] = ["bad", "awful", "broken", "worst"];
    const OTHER: [&str; 6] = ["the", "is", "a", "and", "it", "was"];
    let mut rng = Key::new(4).named(domain).rng();
    let text = |row: usize| {
        let (words, class) =
            if row.is_multiple_of(2) { (GOOD, "positive") } else { (BAD, "negative") };
        let word = |at: usize| match at % 3 {
            0 => *things.choose(&mut rng).unwrap(),
            1 => *words.choose(&mut rng).unwrap(),
            _ => *OTHER.choose(&mut rng).unwrap(),
        };
        let text: Vec<&str> = (0..5 + row % 9).map(word).collect();
        (text.join(" "), class)
    };
    let mut text = text;
    (0..ROWS).map(&mut text).collect()
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("datasets/opinions.toml", DESCRIPTOR);
    sandbox.write("crashes.toml", EXPERIMENT);
    let books = opinions("books", &["book", "page", "story"]);
    let lines = books
        .iter()
        .map(|(text, class)| format!("{}\n", serde_json::json!({ "text": text, "label": class })));
    sandbox.write("datasets/opinions/books.jsonl", &lines.collect::<String>());
    let pans = opinions("pans", &["pan", "lid", "stove"]);
    let lines = pans.iter().map(|(text, class)| format!("\"{text}\",{class}\n"));
    let table = format!("text,class\n{}", lines.collect::<String>());
    sandbox.write("datasets/opinions/pans.csv", &table);
    sandbox
}

fn accuracy(record: &Record) -> f64 {
    let rows = record.metrics.iter().filter(|row| row.metric == "target_accuracy");
    rows.max_by_key(|row| (row.stage, row.step)).unwrap().value
}

#[test]
fn methods_of_every_kind_train_and_predict_texts() {
    let sandbox = sandbox();
    let said = sandbox.isthmus(&["check", "--data", "crashes.toml"]);
    assert!(said.code == 0 && said.answer.contains("120 samples read"), "{said:?}");
    let said = sandbox.isthmus(&["run", "crashes.toml", "--results", "results", "--jobs", "1"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let records = read_records(&[sandbox.path().join("results")]).unwrap().records;
    let records: BTreeMap<String, Record> =
        records.into_iter().map(|record| (record.run.method.clone(), record)).collect();
    assert_eq!(records.len(), 7);
    for (method, record) in &records {
        println!("{method}: {:.3}", accuracy(record));
        assert!(record.metrics.iter().all(|row| row.value.is_finite()), "{method}");
        let task = std::fs::read_to_string(record.directory.join("task.json")).unwrap();
        assert!(task.contains("text"), "{task}");
        assert_eq!(record.predictions().unwrap().unwrap().len(), ROWS);
    }
    assert!(accuracy(&records["source-only"]) > 0.8);
    // A recorded model predicts what the run has recorded.
    let record = &records["dann"];
    let folder = record.directory.to_str().unwrap();
    let said = sandbox.isthmus(&["predict", folder, "opinions", "--domain", "pans"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    let recorded = record.predictions().unwrap().unwrap();
    assert_eq!(said.answer.lines().count(), 1 + recorded.len());
    for (line, row) in said.answer.lines().skip(1).zip(&recorded) {
        let class = line.split(',').nth(1).unwrap();
        let named = if row.predicted.to_string() == "0" { "negative" } else { "positive" };
        assert_eq!(class, named, "{line}");
    }
    // So it does with the file alone, whatever its format.
    let alone = sandbox.isthmus(&["predict", folder, "datasets/opinions/pans.csv"]);
    assert_eq!((alone.code, &alone.answer), (0, &said.answer), "{}", alone.errors);
    let texts = opinions("pans", &["pan", "lid", "stove"]);
    let lines: Vec<&str> = texts.iter().map(|(text, _)| text.as_str()).collect();
    sandbox.write("pans.txt", &lines.join("\n"));
    let alone = sandbox.isthmus(&["predict", folder, "pans.txt"]);
    assert_eq!((alone.code, &alone.answer), (0, &said.answer), "{}", alone.errors);
    let said =
        sandbox.isthmus(&["predict", folder, "datasets/opinions/books.jsonl", "--array", "t"]);
    assert!(said.errors.contains("has no field `t`"), "{}", said.errors);
    sandbox.write("pans.docx", "x");
    let said = sandbox.isthmus(&["predict", folder, "pans.docx"]);
    assert!(said.errors.contains("the model takes texts: expected"), "{}", said.errors);
}

#[test]
#[cfg(unix)]
fn runs_that_are_killed_end_as_if_nothing_had_happened() {
    support::crashes::killed_runs_end_alike(&sandbox(), 8);
}

#[test]
fn what_cannot_be_done_with_texts_is_said() {
    let sandbox = sandbox();
    let run = |change: &dyn Fn(&str) -> String| {
        sandbox.write("wrong.toml", &change(EXPERIMENT));
        let said = sandbox.isthmus(&["run", "wrong.toml", "--results", "wrong", "--jobs", "1"]);
        assert_ne!(said.code, 0);
        // The display breaks lines.
        said.errors.split_whitespace().filter(|it| *it != "│").collect::<Vec<_>>().join(" ")
    };
    let error = run(&|text| text.replace("{ name = \"infomax\" }", "{ name = \"mixval\" }"));
    assert!(error.contains("texts cannot be mixed"), "{error}");
    let network = "name = \"deep-averaging\"\nsize = 4\nhidden = [8]";
    let error = run(&|text| text.replace(network, "name = \"mlp\""));
    assert!(error.contains("takes samples of one size") && error.contains("texts"), "{error}");
    let error = run(&|text| text.replace("{ name = \"word-dropout\" }", "{ name = \"jitter\" }"));
    assert!(error.contains("`jitter` changes series; the data set has texts"), "{error}");
    for (method, reason) in [
        ("vat", "perturbs the values of samples, and texts have none"),
        ("reconstruction", "restores samples of one shape, this data set has texts"),
    ] {
        let settings = EXPERIMENT.split("[methods.source-only]").next().unwrap();
        let error = run(&|_| {
            format!("{settings}[methods.{method}]\nalign = [{{ name = \"{method}\" }}]\n")
        });
        assert!(error.contains(reason), "{error}");
    }
    let columns = "[data]\nfeature_transforms = [{ name = \"z-score\" }]";
    let error = run(&|text| text.replace("[data]", columns));
    assert!(error.contains("z-score") && error.contains("texts"), "{error}");
}
