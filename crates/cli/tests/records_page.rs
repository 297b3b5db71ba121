//! What `docs/records.md` says of records: its files, and its lines of Python.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use support::{Sandbox, python_with, repository};

/// Short runs of the quickstart, with what fills a record.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let file = repository().join("experiments/quickstart.toml").display().to_string();
    let stages = "methods.dann={ stages = [{ align = [{ name = \"source-only\" }] }, { align = [{ name = \
                  \"dann\" }] }] }";
    let selection =
        "selection={ validators = [{ name = \"entropy\" }, { name = \"source-risk\" }] }";
    let mut arguments = vec!["run", &file, "--results", "results", "--jobs", "1"];
    for setting in [
        "seeds=[1, 2]",
        "training.iterations=6",
        "training.evaluate_every=2",
        "record.outputs=20",
        selection,
        stages,
    ] {
        arguments.extend(["--set", setting]);
    }
    let said = sandbox.isthmus(&arguments);
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
    for record in fs::read_dir(sandbox.path().join("results/quickstart")).unwrap() {
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
