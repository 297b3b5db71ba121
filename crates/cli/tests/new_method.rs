//! `isthmus new-method`: what is refused, and what is written. That the crate builds, is linked
//! and passes its test is shown by `.ci/new-method`, which compiles it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use support::{Sandbox, repository};

const FILES: [&str; 3] = ["Cargo.toml", "crates/cli/Cargo.toml", "crates/cli/src/plugins.rs"];

/// A folder with what the command looks for in a source tree.
fn tree() -> Sandbox {
    let sandbox = Sandbox::new();
    for file in FILES {
        let text = fs::read_to_string(repository().join(file)).unwrap();
        sandbox.write(file, &text);
    }
    sandbox
}

fn texts(sandbox: &Sandbox) -> Vec<String> {
    FILES.iter().map(|file| fs::read_to_string(sandbox.path().join(file)).unwrap()).collect()
}

#[test]
fn a_method_is_written_and_linked() {
    for (kind, plugin) in
        [("term", "Plugin::term::<MeanShift>"), ("driver", "Plugin::driver::<MeanShift>")]
    {
        let sandbox = tree();
        let before = texts(&sandbox);
        let said = sandbox.isthmus(&["new-method", "mean-shift", "--kind", kind]);
        assert_eq!((said.code, said.errors.as_str()), (0, ""));
        insta::allow_duplicates! { insta::assert_snapshot!(said.answer) };
        let folder = sandbox.path().join("crates/methods/mean-shift");
        let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
        let manifest = read("Cargo.toml");
        assert!(manifest.contains("name = \"isthmus-mean-shift\""));
        assert!(read("src/lib.rs").contains("mod mean_shift;"));
        assert!(read("src/mean_shift.rs").contains(plugin));
        for file in ["Cargo.toml", "src/lib.rs", "src/mean_shift.rs"] {
            assert!(!read(file).contains("{{"), "{file}");
        }
        // One line more in each of the others.
        for (before, after) in before.iter().zip(texts(&sandbox)) {
            assert_eq!(after.lines().count(), before.lines().count() + 1);
            let added: Vec<&str> =
                after.lines().filter(|line| !before.lines().any(|old| old == *line)).collect();
            assert_eq!(added.len(), 1, "{added:?}");
            assert!(added[0].contains("mean"), "{added:?}");
        }
    }
}

#[test]
fn names_that_are_taken_or_wrong_change_nothing() {
    let sandbox = tree();
    fs::create_dir_all(sandbox.path().join("crates/methods/there")).unwrap();
    let before = texts(&sandbox);
    for (name, message) in [
        ("dann", "there is a method `dann` already"),
        ("Mean", "`Mean` is not a name in kebab case"),
        ("../x", "`../x` is not a name in kebab case"),
        ("match", "`match` has a meaning in Rust"),
        ("losses", "there is a dependency `isthmus-losses` already"),
        ("there", "is there already"),
    ] {
        let said = sandbox.isthmus(&["new-method", name]);
        assert_eq!(said.code, 2, "{name}");
        assert!(said.errors.contains(message), "{name}: {}", said.errors);
    }
    assert_eq!(texts(&sandbox), before);
    let entries: Vec<PathBuf> = fs::read_dir(sandbox.path().join("crates/methods"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
}

#[test]
fn another_folder_is_refused() {
    let said = Sandbox::new().isthmus(&["new-method", "mean-shift"]);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("is not within a source tree of isthmus"), "{}", said.errors);
}

#[test]
fn a_method_outside_has_what_it_needs() {
    let sandbox = tree();
    sandbox.write("Cargo.lock", &fs::read_to_string(repository().join("Cargo.lock")).unwrap());
    let before = texts(&sandbox);
    let outside = tempfile::tempdir().unwrap();
    for kind in ["term", "driver"] {
        let folder = outside.path().join(kind);
        let said = sandbox.isthmus(&[
            "new-method",
            "mean-shift",
            "--kind",
            kind,
            "--outside",
            folder.to_str().unwrap(),
        ]);
        assert_eq!((said.code, said.errors.as_str()), (0, ""));
        assert!(said.answer.contains("cargo run --release -- explain mean-shift"));
        let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
        for file in ["Cargo.toml", "src/lib.rs", "src/main.rs", "src/mean_shift.rs"] {
            assert!(!read(file).contains("{{"), "{file}");
        }
        assert!(read("src/main.rs").contains("use isthmus_mean_shift as _;"));
        assert_eq!(read("Cargo.lock"), sandbox.read("Cargo.lock"));

        let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
        let workspace: toml::Table = before[0].parse().unwrap();
        assert_eq!(manifest["profile"]["release"], workspace["profile"]["release"]);
        let shared = |table: &toml::Table| table["workspace"]["dependencies"].clone();
        assert_eq!(shared(&manifest), shared(&workspace));
        let command = manifest["dependencies"]["isthmus"]["path"].as_str().unwrap();
        assert!(folder.join(command).join("Cargo.toml").is_file(), "{command}");
    }
    assert_eq!(texts(&sandbox), before, "the source tree stays as it is");
}

#[test]
fn a_folder_that_is_not_outside_or_not_new_is_refused() {
    let sandbox = tree();
    let outside = tempfile::tempdir().unwrap();
    for (folder, message) in [
        (sandbox.path().join("mine"), "is within the source tree"),
        (sandbox.path().join("crates/../mine"), "is within the source tree"),
        (outside.path().to_owned(), "is there already"),
        // This source tree has no lock file.
        (outside.path().join("new"), "cannot read"),
    ] {
        let folder = folder.to_str().unwrap();
        let said = sandbox.isthmus(&["new-method", "mean-shift", "--outside", folder]);
        assert_eq!(said.code, 2, "{folder}");
        assert!(said.errors.contains(message), "{folder}: {}", said.errors);
    }
    assert!(!sandbox.path().join("mine").exists());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

/// Builds for some seconds, and says how long; only where the command itself is built already:
/// `cargo nextest run --release --run-ignored only outside_builds`.
#[test]
#[ignore = "it needs the command built"]
fn a_method_outside_builds_from_what_is_built() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("mean-shift");
    let made = Command::new(env!("CARGO_BIN_EXE_isthmus"))
        .args(["new-method", "mean-shift", "--outside"])
        .arg(&folder)
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let started = Instant::now();
    let built = Command::new(env!("CARGO"))
        .args(["run", "--release", "--", "explain", "mean-shift"])
        .current_dir(&folder)
        .output()
        .unwrap();
    let seconds = started.elapsed().as_secs();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    assert!(String::from_utf8_lossy(&built.stdout).contains("mean-shift"));
    println!("built in {seconds} s");
    assert!(!said.contains("did not match any packages"), "{said}");
    let compiled: Vec<&str> = said
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("Compiling "))
        .filter(|package| !package.starts_with("isthmus-mean-shift "))
        .collect();
    assert!(compiled.is_empty(), "built again: {compiled:?}");
    assert!(seconds < 120, "{seconds} s");
}
