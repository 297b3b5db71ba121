//! `isthmus run`, from a file to records, a table and an exit code.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::path::Path;

use support::{Said, Sandbox, repository};

/// Runs the quickstart, cut short, with further arguments.
fn quickstart(sandbox: &Sandbox, more: &[&str]) -> Said {
    let file = repository().join("experiments/quickstart.toml");
    let mut arguments = vec![
        "run",
        file.to_str().unwrap(),
        "--set",
        "seeds=[1, 2]",
        "--set",
        "training.iterations=20",
    ];
    arguments.extend(more);
    sandbox.isthmus(&arguments)
}

/// The content of every file of the records.
fn records(results: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![results.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(results).unwrap().display().to_string();
                found.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn an_experiment_is_run_once_and_compared() {
    let sandbox = Sandbox::new();
    let said = quickstart(&sandbox, &[]);
    assert_eq!(said.code, 0, "{}", said.errors);
    for row in ["source-only", "dann", "mcc", "target-only (upper bound)"] {
        assert!(said.answer.contains(row), "{}", said.answer);
    }
    assert!(!said.errors.contains('\r'), "bars are for terminals: {}", said.errors);
    let written = records(&sandbox.path().join("results"));

    let again = quickstart(&sandbox, &[]);
    assert_eq!(again.code, 0);
    assert_eq!(again.answer, said.answer);
    assert!(again.errors.contains("8 of 8 runs are finished already"), "{}", again.errors);
    assert_eq!(records(&sandbox.path().join("results")), written);

    let compared = sandbox.isthmus(&["compare", "--csv", "-"]);
    assert_eq!(compared.code, 0, "{}", compared.errors);
    assert!(compared.answer.lines().count() >= 5, "{}", compared.answer);
    let table = sandbox.isthmus(&["compare", "--latex", "table.tex"]);
    assert_eq!((table.code, table.answer.as_str()), (0, ""));
    let table = fs::read_to_string(sandbox.path().join("table.tex")).unwrap();
    assert!(table.contains("\\begin{tabular}"), "{table}");
}

#[test]
fn quiet_is_the_table_alone() {
    let said = quickstart(&Sandbox::new(), &["--quiet", "--results", "elsewhere"]);
    assert_eq!((said.code, said.errors.as_str()), (0, ""));
    assert!(said.answer.contains("mcc"));
}

#[test]
fn runs_that_fail_are_told_and_the_others_are_kept() {
    let sandbox = Sandbox::new();
    let said = quickstart(
        &sandbox,
        &["--set", "methods.dann.training.optimizer={ name = \"sgd\", lr = 1e30 }"],
    );
    assert_eq!(said.code, 1, "{}", said.errors);
    assert!(said.errors.contains("2 of 8 runs failed"), "{}", said.errors);
    assert!(said.errors.contains("training diverged"), "{}", said.errors);
    assert!(said.answer.contains("mcc"), "{}", said.answer);
    assert!(!said.answer.contains("dann"), "{}", said.answer);
}

#[test]
fn data_that_is_not_there_is_wrong_input() {
    let sandbox = Sandbox::new();
    let file = repository().join("experiments/office31_features.toml");
    let empty = sandbox.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let output = sandbox
        .command(&["run", file.to_str().unwrap()])
        .env("ISTHMUS_DATA", &empty)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("efficientnet_lite0_features.npz"), "{text}");
    assert!(text.contains("searched"), "{text}");
}

#[test]
fn a_device_that_was_not_built_in_is_wrong_input() {
    if cfg!(feature = "wgpu") {
        return println!("skipped: this build has the backend");
    }
    let said = quickstart(&Sandbox::new(), &["--device", "gpu"]);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("built without the gpu backend"), "{}", said.errors);
}

/// A `.npy` file of version 1.0.
fn npy(kind: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(values);
    file
}

#[test]
fn domains_of_different_classes_are_wrong_input() {
    let sandbox = Sandbox::new();
    for (domain, classes) in [("a", 3_i64), ("b", 2)] {
        let values: Vec<u8> = (0..12).flat_map(|value| (value as f32).to_le_bytes()).collect();
        let labels: Vec<u8> = (0..6).flat_map(|row: i64| (row % classes).to_le_bytes()).collect();
        let folder = sandbox.path().join("datasets/mine");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{domain}_x.npy")), npy("<f4", "(6, 2)", &values)).unwrap();
        fs::write(folder.join(format!("{domain}_y.npy")), npy("<i8", "(6,)", &labels)).unwrap();
    }
    sandbox.write(
        "datasets/mine.toml",
        "name = \"mine\"\ndomains = [\n  { name = \"a\", reader = { name = \"features\", file = \
         \"a_x.npy\", labels_file = \"a_y.npy\" } },\n  { name = \"b\", reader = { name = \
         \"features\", file = \"b_x.npy\", labels_file = \"b_y.npy\" } },\n]\n",
    );
    sandbox.write(
        "mine.toml",
        "name = \"mine\"\n\n[data]\ndataset = \"mine\"\ntasks = [\"a -> b\"]\n\n[extractor]\nname \
         = \"identity\"\n\n[classifier]\nname = \"linear\"\n\n[methods.dann]\nalign = [{ name = \
         \"dann\" }]\n",
    );
    let checked = sandbox.isthmus(&["check", "mine.toml"]);
    let said = sandbox.isthmus(&["run", "mine.toml"]);
    assert_eq!((checked.code, said.code), (2, 2), "{said:?}");
    let expected = "class counts differ: domain `a` has 3 classes, domain `b` has 2";
    assert!(said.errors.contains(expected), "{}", said.errors);
    assert_eq!(checked.errors, said.errors);
    insta::assert_snapshot!(said.errors);
    assert!(!sandbox.path().join("results").exists());
}
