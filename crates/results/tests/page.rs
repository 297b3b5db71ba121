//! A page of results: one row a method, and a sentence for each that does harm.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};

use isthmus_results::{
    Cost, Event, MethodRow, PageError, RecordWriter, ResultsPage, method_tables,
};
use support::choices::TASKS;
use support::{environment, experiment, header};

const METHODS: [&str; 4] = ["source-only", "dann", "adabn", "target-only"];

/// Two checkpoints a run. `dann` is worse than `source-only` at the last one and better at the first,
/// which `good` prefers and `bad` does not; `adabn` acts once.
fn records(results: &Path) {
    let experiment = experiment(&METHODS, &TASKS, &[1, 2]);
    for job in experiment.jobs() {
        let method = job.method.label.as_str();
        let mut writer =
            RecordWriter::create(results, &header(&experiment, &job), environment()).unwrap();
        let (first, last, steps, seconds) = match method {
            "source-only" => (0.5, 0.6, 10, 0.1),
            "dann" => (0.8, 0.55, 10, 0.25),
            "adabn" => (0.7, 0.7, 1, 2.0),
            _ => (0.9, 0.9, 10, 0.1),
        };
        let started = Event::StageStarted { stage: 0, methods: vec![method.to_owned()], steps };
        writer.event(&started).unwrap();
        let rows = if method == "adabn" { vec![(1, last)] } else { vec![(5, first), (10, last)] };
        // The second seed is a point better.
        let seed = 0.01 * (job.seed - 1) as f64;
        for (step, accuracy) in rows {
            let (good, bad) = (accuracy, -accuracy);
            let values = [
                ("target_accuracy", accuracy + seed),
                ("validator/good", good),
                ("validator/bad", bad),
            ];
            writer.evaluation(0, step, &values).unwrap();
        }
        writer.event(&Event::StageFinished { stage: 0, steps, seconds }).unwrap();
        writer.finish().unwrap();
    }
}

fn page(folder: &Path, reasons: &str) -> (PathBuf, Result<String, PageError>) {
    let file = folder.join("results.toml");
    let paths = folder.join("records");
    let text = format!(
        "title = \"Results\"\ntext = \"All of them.\"\n\n[[tables]]\nheading = \"Office-31\"\n\
         text = \"Made up.\"\npaths = [{:?}]\nby_task = true\n\n[tables.reasons]\n{reasons}",
        paths.to_str().unwrap()
    );
    std::fs::write(&file, text).unwrap();
    let page = ResultsPage::read(&file).and_then(|page| page.markdown()).map(|(text, _)| text);
    (file, page)
}

#[test]
fn a_row_has_last_choice_oracle_regret_and_cost() {
    let results = tempfile::tempdir().unwrap();
    records(results.path());
    let (tables, warnings) =
        method_tables(&[results.path().to_owned()], &[], "source-only").unwrap();
    assert!(warnings.is_empty());
    let [table] = tables.as_slice() else { panic!("{} tables", tables.len()) };
    assert_eq!(table.validator.as_deref(), Some("good"));
    let names: Vec<&str> = table.rows.iter().map(|row| row.label.text.as_str()).collect();
    assert_eq!(names, METHODS);
    let close = |found: Option<f64>, expected: f64| {
        assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?} instead of {expected}");
    };
    let MethodRow { last, chosen, oracle, regret, cost, .. } = &table.rows[1];
    close(last.map(|it| it.mean), 0.555);
    close(chosen.map(|it| it.mean), 0.805);
    close(oracle.map(|it| it.mean), 0.805);
    close(*regret, 0.0);
    assert_eq!(*cost, Some(Cost::Step(0.025)));
    assert_eq!(table.rows[2].cost, Some(Cost::Once(2.0)));
    let below = table.below_baseline();
    assert_eq!(below.len(), 1);
    assert_eq!(below[0].0.label.text, "dann");
    close(Some(below[0].1), -0.05);
}

#[test]
fn costs_can_be_those_of_other_runs() {
    let (results, timed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    records(results.path());
    let paths = |folder: &Path| [folder.to_owned()];
    let table = |timed: &[PathBuf]| method_tables(&paths(results.path()), timed, "source-only");
    assert!(table(&paths(timed.path())).is_err());
    let experiment = experiment(&METHODS[..1], &TASKS[..1], &[9]);
    let job = &experiment.jobs()[0];
    let mut writer =
        RecordWriter::create(timed.path(), &header(&experiment, job), environment()).unwrap();
    let methods = vec!["source-only".to_owned()];
    writer.event(&Event::StageStarted { stage: 0, methods, steps: 4 }).unwrap();
    writer.evaluation(0, 4, &[("target_accuracy", 0.5)]).unwrap();
    writer.event(&Event::StageFinished { stage: 0, steps: 4, seconds: 2.0 }).unwrap();
    writer.finish().unwrap();
    let (tables, _) = table(&paths(timed.path())).unwrap();
    assert_eq!(tables[0].rows[0].cost, Some(Cost::Step(0.5)));
    assert_eq!(tables[0].rows[1].cost, None);
}

#[test]
fn the_best_validator_is_the_one_that_loses_least() {
    let results = tempfile::tempdir().unwrap();
    let experiment = experiment(&["source-only", "dann"], &TASKS[..1], &[1]);
    for job in experiment.jobs() {
        let mut writer =
            RecordWriter::create(results.path(), &header(&experiment, &job), environment())
                .unwrap();
        for (step, accuracy, alpha, beta) in [(5, 0.9, 0.0, 1.0), (10, 0.5, 1.0, 0.0)] {
            let values = [
                ("target_accuracy", accuracy),
                ("validator/alpha", alpha),
                ("validator/beta", beta),
            ];
            writer.evaluation(0, step, &values).unwrap();
        }
        writer.finish().unwrap();
    }
    let (tables, _) = method_tables(&[results.path().to_owned()], &[], "source-only").unwrap();
    assert_eq!(tables[0].validator.as_deref(), Some("beta"));
    // Records without times have no cost.
    assert_eq!(tables[0].rows[0].cost, None);
}

#[test]
fn a_page_shows_tables_and_why_methods_are_worse() {
    let folder = tempfile::tempdir().unwrap();
    records(&folder.path().join("records"));
    let (file, page) = page(folder.path(), "dann = \"Its adversary is too strong.\"");
    let page = page.unwrap().replace(&*file.to_string_lossy(), "results.toml");
    insta::assert_snapshot!("page", page);
}

#[test]
fn a_method_below_the_baseline_needs_a_reason_and_no_other_has_one() {
    let folder = tempfile::tempdir().unwrap();
    records(&folder.path().join("records"));
    let (file, missing) = page(folder.path(), "");
    let missing = missing.unwrap_err().to_string();
    assert_eq!(
        missing,
        format!(
            "table `Office-31`: below `source-only` without a reason: dann (by 5.0); say why in a \
             sentence each, under `[tables.reasons]` of {}",
            file.display()
        )
    );
    let (_, needless) = page(folder.path(), "dann = \"x\"\nmcc = \"y\"");
    let needless = needless.unwrap_err().to_string();
    assert!(needless.contains("names what is not below `source-only`: mcc;"), "{needless}");
}

#[test]
fn mistakes_in_a_page_are_told_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.toml");
    let read = |text: &str| {
        std::fs::write(&file, text).unwrap();
        ResultsPage::read(&file).and_then(|page| page.markdown()).unwrap_err().to_string()
    };
    let unknown = read("title = \"x\"\n[[tables]]\nhading = \"y\"");
    assert!(unknown.starts_with(&format!("{}: ", file.display())), "{unknown}");
    assert!(unknown.contains("line 3") && unknown.contains("`hading`"), "{unknown}");
    let nothing = read("title = \"x\"\n[[tables]]\nheading = \"y\"\npaths = [\"/nowhere\"]");
    assert!(nothing.starts_with("table `y`: ") && nothing.contains("/nowhere"), "{nothing}");
    let absent = ResultsPage::read(&folder.path().join("no.toml")).unwrap_err().to_string();
    assert!(absent.starts_with("cannot read "), "{absent}");
    records(&folder.path().join("records"));
    let baseline = read(&format!(
        "title = \"x\"\n[[tables]]\nheading = \"y\"\npaths = [{:?}]\nbaseline = \"erm\"",
        folder.path().join("records").to_str().unwrap()
    ));
    assert!(baseline.contains("no row is called `erm`"), "{baseline}");
}
