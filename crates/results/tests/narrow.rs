//! Tables on narrow terminals.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use isthmus_results::{CompareOptions, Format, TerminalOptions, compare};
use serde_json::json;
use support::{experiment, write_evaluations};

const VALIDATORS: [&str; 15] = [
    "bnm",
    "ch-index",
    "class-ami",
    "corr-c",
    "dev",
    "entropy",
    "ev",
    "information-maximization",
    "mixval",
    "rankme",
    "reverse",
    "silhouette",
    "snd",
    "source-accuracy",
    "transfer-score",
];

/// Domains whose names are numbers, and every validator.
fn write(results: &Path) {
    let tasks = [("s07", "s18"), ("s18", "s25"), ("s25", "s07")];
    let methods = ["source-only", "deep-coral with a long label (tuned)", "target-only"];
    let experiment = experiment(&methods, &tasks, &[1, 2]);
    for job in experiment.jobs() {
        let scores: Vec<String> =
            VALIDATORS.iter().map(|name| format!("validator/{name}")).collect();
        let value = 0.6 + 0.01 * job.seed as f64;
        let mut values: Vec<(&str, f64)> = scores.iter().map(|name| (name.as_str(), 0.5)).collect();
        values.push(("target_accuracy", value));
        write_evaluations(results, &experiment, &job, json!({}), &[(0, 10, &values)]);
    }
}

fn words(text: &str) -> BTreeSet<String> {
    let cells = text.lines().filter(|line| line.contains('┆') || line.starts_with('│'));
    cells
        .flat_map(|line| line.split(['│', '┆', ' ', '→', '-']))
        .filter(|word| !word.is_empty() && !word.contains(['═', '╌', '╪', '─']))
        .map(str::to_owned)
        .collect()
}

#[test]
fn words_and_numbers_are_never_broken() {
    let results = tempfile::tempdir().unwrap();
    write(results.path());
    let options =
        CompareOptions { paths: vec![results.path().to_owned()], ..CompareOptions::default() };
    let comparison = compare(&options).unwrap();
    let render =
        |width| comparison.render(Format::Terminal(TerminalOptions { width, styled: false }));
    let whole = words(&render(None));
    for width in [60, 80, 100] {
        let text = render(Some(width));
        assert_eq!(words(&text), whole, "at {width}:\n{text}");
        for line in text.lines().filter(|line| line.contains(['│', '─'])) {
            assert!(line.chars().count() <= usize::from(width), "at {width}: {line}");
        }
        // No name was shortened, so none needs to be explained.
        assert!(!text.contains(" = "), "at {width}:\n{text}");
    }
    insta::assert_snapshot!("sixty", render(Some(60)));
}
