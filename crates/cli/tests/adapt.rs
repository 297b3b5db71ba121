//! `isthmus adapt` through the real command.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use isthmus_results::read_records;
use support::Sandbox;

const PAIR: [&str; 4] = ["--source", "quickstart/fonts", "--target", "quickstart/uci"];

fn adapt(sandbox: &Sandbox, more: &[&str]) -> support::Said {
    let mut words = vec!["adapt"];
    words.extend(PAIR);
    words.extend(["--budget", "5s", "--output", "out"]);
    words.extend(more);
    sandbox.isthmus(&words)
}

#[test]
fn one_command_leaves_predictions_a_model_and_what_can_be_repeated() {
    let sandbox = Sandbox::new();
    let said = adapt(&sandbox, &["--last-look"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    for part in ["**Chosen: ", "| source-only |", "mean rank", "A last look", "predictions.csv"] {
        assert!(said.answer.contains(part), "{part}: {}", said.answer);
    }
    assert_eq!(sandbox.read("out/summary.md"), said.answer);
    assert!(sandbox.read("out/report.html").contains("<svg"));
    let predictions = sandbox.read("out/predictions.csv");
    assert_eq!(predictions.lines().count(), 1 + 1797);

    // No run saw a label of the target, and none was recorded.
    let records = read_records(&[sandbox.path().join("out/results")]).unwrap().records;
    assert!(records.len() >= 4, "{}", records.len());
    for record in &records {
        assert!(!record.job().unwrap().data.target_labels);
        assert!(record.metrics.iter().all(|row| row.metric != "target_accuracy"));
    }
    let chosen = said.answer.split("**Chosen: ").nth(1).unwrap().split('.').next().unwrap();
    let model = isthmus_results::Record::open(&sandbox.path().join("out/model")).unwrap();
    assert_eq!(model.run.method, chosen);

    // The same command goes on with the same plan: nothing is run twice.
    let experiment = sandbox.read("out/adapt.toml");
    let again = adapt(&sandbox, &["--last-look"]);
    assert_eq!(again.code, 0, "{}", again.errors);
    assert_eq!(sandbox.read("out/adapt.toml"), experiment);
    assert_eq!(again.answer, said.answer);
    assert_eq!(sandbox.read("out/predictions.csv"), predictions);
    // And `isthmus run` runs the experiment that it wrote.
    let said = sandbox.isthmus(&["run", "out/adapt.toml", "--results", "out/results"]);
    assert!(said.errors.contains("finished already"), "{}", said.errors);
    assert_eq!(said.code, 0, "{}", said.errors);
}

#[test]
fn what_cannot_be_adapted_is_told() {
    let sandbox = Sandbox::new();
    let told = |words: &[&str]| {
        let said = sandbox.isthmus(words);
        assert_eq!(said.code, 2, "{}", said.answer);
        said.errors
    };
    let base = |source: &'static str, target: &'static str| {
        ["adapt", "--source", source, "--target", target, "--output", "out"]
    };
    let error = told(&base("quickstart/fonts", "quickstart/fonts"));
    assert!(error.contains("is both source and target"), "{error}");
    let error = told(&base("quickstart/fonts", "quickstart/ucy"));
    assert!(error.contains("no domain `ucy`") && error.contains("did you mean `uci`"), "{error}");
    let error = told(&base("quickstart/fonts", "nowhere"));
    assert!(error.contains("nowhere"), "{error}");
    let mut wrong = base("quickstart/fonts", "quickstart/uci").to_vec();
    wrong.extend(["--budget", "soon"]);
    let error = told(&wrong);
    assert!(error.contains("`10m`"), "{error}");
}
