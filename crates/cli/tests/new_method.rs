//! `isthmus new-method`: what is refused, and what is written. That the crate builds, is linked
//! and passes its test is shown by `.ci/new-method`, which compiles it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::path::PathBuf;

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
        [("term", "Plugin::term::<MeanShift>"), ("training", "Plugin::training::<MeanShift>")]
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
        assert_eq!(manifest.contains("isthmus-losses.workspace = true"), kind == "training");
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
