//! The counts of Amazon's reviews through the real command, where the data is there.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::path::PathBuf;

use isthmus_results::read_records;
use support::{Sandbox, repository};

/// Ridge regression to the classes with a regularisation of 1, without an intercept, on log(1 + counts)
/// of unit length: accuracy on the target's test set in percent, computed with NumPy on the same files.
const RIDGE: [(&str, f64); 12] = [
    ("books -> dvd", 80.5),
    ("books -> electronics", 73.8),
    ("books -> kitchen", 77.4),
    ("dvd -> books", 75.3),
    ("dvd -> electronics", 75.0),
    ("dvd -> kitchen", 79.0),
    ("electronics -> books", 72.3),
    ("electronics -> dvd", 73.8),
    ("electronics -> kitchen", 86.6),
    ("kitchen -> books", 71.0),
    ("kitchen -> dvd", 74.0),
    ("kitchen -> electronics", 84.8),
];

/// The folder of all data, where it has that of the reviews.
fn data() -> Option<PathBuf> {
    let stated = std::env::var_os("ISTHMUS_DATA").map(PathBuf::from);
    let root = stated.unwrap_or_else(|| repository().join("../shared/data"));
    let found = root.join("amazon_reviews").is_dir().then_some(root);
    if found.is_none() {
        println!("skipped: there is no folder amazon_reviews below ISTHMUS_DATA");
    }
    found
}

#[test]
fn ridge_regression_gives_the_twelve_known_accuracies() {
    let Some(data) = data() else { return };
    let sandbox = Sandbox::new();
    let text =
        std::fs::read_to_string(repository().join("experiments/amazon_reviews.toml")).unwrap();
    let settings = text.split("[methods.source-only]").next().unwrap();
    let method = text.split("[methods.ridge]").nth(1).unwrap().split("[methods").next().unwrap();
    let descriptor = repository().join("datasets/amazon-reviews.toml");
    sandbox.write("datasets/amazon-reviews.toml", &std::fs::read_to_string(descriptor).unwrap());
    let settings = settings.replace("seeds = [1, 2, 3]", "seeds = [1]");
    sandbox.write("ridge.toml", &format!("{settings}[methods.ridge]{method}"));
    let arguments = ["run", "ridge.toml", "--results", "results"];
    let output = sandbox.command(&arguments).env("ISTHMUS_DATA", &data).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let records = read_records(&[sandbox.path().join("results")]).unwrap().records;
    assert_eq!(records.len(), 12);
    for (task, expected) in RIDGE {
        let record = records.iter().find(|record| record.run.task.to_string() == task).unwrap();
        let rows = record.metrics.iter().filter(|row| row.metric == "target_accuracy");
        let found = 100.0 * rows.max_by_key(|row| row.step).unwrap().value;
        println!("{task}: {found:.2}");
        assert_eq!(format!("{found:.1}"), format!("{expected:.1}"), "{task}");
    }
}
