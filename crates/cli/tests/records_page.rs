//! What `docs/records.md` says of records: its files, and its lines of Python.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use support::{Sandbox, python_with, repository};

const EXPERIMENT: &str = r#"
name = "small"
seeds = [1, 2]

[data]
dataset = "quickstart"
tasks = ["fonts -> uci"]
protocol = { split = 0.3 }

[extractor]
name = "mlp"
hidden = [16]

[classifier]
name = "linear"

[training]
iterations = 6
batch_size = 16
evaluate_every = 2

[training.optimizer]
name = "sgd"

[selection]
validators = [{ name = "entropy" }, { name = "source-risk" }]

[record]
outputs = 20

[methods.source-only]
align = [{ name = "source-only" }]

[methods.dann]
stages = [{ align = [{ name = "source-only" }] }, { align = [{ name = "dann" }] }]
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", EXPERIMENT);
    let said = sandbox.isthmus(&["run", "small.toml", "--results", "results", "--jobs", "1"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    sandbox
}

fn page() -> String {
    fs::read_to_string(repository().join("docs/records.md")).unwrap()
}

/// The blocks of Python on the page, one after the other.
fn python(page: &str) -> String {
    let blocks = page.split("```python\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

#[test]
fn every_file_of_a_record_is_on_the_page() {
    let sandbox = sandbox();
    let page = page();
    let mut files = BTreeSet::new();
    for record in fs::read_dir(sandbox.path().join("results/small")).unwrap() {
        for file in fs::read_dir(record.unwrap().path()).unwrap() {
            files.insert(file.unwrap().file_name().into_string().unwrap());
        }
    }
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let name = match file.strip_prefix("model-") {
            Some(_) => "model-STEP.safetensors",
            None => &file,
        };
        assert!(page.contains(&format!("`{name}`")), "`{name}` is not explained");
    }
}

#[test]
fn its_lines_of_python_read_a_record() {
    let Some(program) = python_with("pandas, polars") else {
        eprintln!("skipped: no Python with pandas and polars (see ISTHMUS_PYTHON)");
        return;
    };
    let sandbox = sandbox();
    let forms = ["compare", "results", "--csv", "cells.csv", "--runs-csv", "runs.csv"];
    assert_eq!(sandbox.isthmus(&forms).code, 0);
    sandbox.write("page.py", &python(&page()));
    let mut command = Command::new(program);
    let output = command.arg("page.py").current_dir(sandbox.path()).output().unwrap();
    let (said, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{errors}");
    for method in ["source-only", "dann"] {
        // Once by polars, once by pandas.
        assert!(said.matches(method).count() >= 2, "{said}");
    }
    assert!(said.contains("fonts -> uci"), "{said}");
}
