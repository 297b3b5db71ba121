//! What a terminal of 80 columns shows, with colours and without.
#![cfg(unix)]
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::path::Path;
use std::process::Command;

use support::npz::{Array, write_npz};

const DOMAINS: [&str; 3] = ["photographs", "watercolours", "engravings"];

/// Runs a line in a terminal of 80 columns, by the program that records sessions; nothing where it is
/// not there.
fn in_terminal(folder: &Path, line: &str, no_color: bool) -> Option<String> {
    let line = format!("stty cols 80 rows 40; exec {} {line}", env!("CARGO_BIN_EXE_isthmus"));
    let mut command = Command::new("script");
    command.args(["-q", "-e", "-c", &line, "/dev/null"]).current_dir(folder);
    command.env("TERM", "xterm-256color").env("ISTHMUS_DATA", folder).env_remove("NO_COLOR");
    if no_color {
        command.env("NO_COLOR", "1");
    }
    match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: there is no `script` here");
            None
        }
        output => Some(String::from_utf8_lossy(&output.unwrap().stdout).into_owned()),
    }
}

/// Records of two methods on six tasks.
fn records(folder: &Path) {
    let values: Vec<f32> = (0..48).map(|it| (it % 7) as f32 + (it / 24) as f32).collect();
    let labels: Vec<i64> = (0..12).map(|it| it / 6).collect();
    let names: Vec<[String; 2]> =
        DOMAINS.iter().map(|name| [format!("{name}_x"), format!("{name}_y")]).collect();
    let arrays: Vec<(&str, &[usize], Array<'_>)> = names
        .iter()
        .flat_map(|[x, y]| {
            [
                (x.as_str(), &[12, 4][..], Array::Floats(&values)),
                (y.as_str(), &[12][..], Array::Integers(&labels)),
            ]
        })
        .collect();
    write_npz(&folder.join("pictures/all.npz"), &arrays);
    let isthmus = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_isthmus"))
            .args(arguments)
            .current_dir(folder)
            .env("ISTHMUS_DATA", folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    isthmus(&["data", "init", "pictures", "--quiet"]);
    let tasks: Vec<String> = DOMAINS
        .iter()
        .flat_map(|a| {
            DOMAINS.iter().filter(move |b| *b != a).map(move |b| format!("\"{a} -> {b}\""))
        })
        .collect();
    assert_eq!(tasks.len(), 6);
    let experiment = format!(
        "name = \"e\"\nseeds = [1, 2]\n[data]\ndataset = \"pictures\"\ntasks = [{}]\n\
         protocol = \"transductive\"\n[extractor]\nname = \"identity\"\n[classifier]\n\
         name = \"linear\"\n[training]\niterations = 2\nbatch_size = 4\n\
         [methods.source-only]\nalign = [{{ name = \"source-only\" }}]\n\
         [methods.coral]\nalign = [{{ name = \"deep-coral\" }}]\n",
        tasks.join(", ")
    );
    std::fs::write(folder.join("e.toml"), experiment).unwrap();
    isthmus(&["run", "e.toml", "--quiet", "--jobs", "1"]);
}

#[test]
fn a_table_of_six_tasks_fits_eighty_columns_with_colours_and_without() {
    let folder = tempfile::tempdir().unwrap();
    records(folder.path());
    for no_color in [false, true] {
        let Some(shown) = in_terminal(folder.path(), "compare results", no_color) else { return };
        assert!(shown.contains("source-only"), "{shown}");
        assert_eq!(shown.contains('\u{1b}'), !no_color, "{shown:?}");
        let rules: Vec<&str> =
            shown.lines().filter(|line| line.contains(['\u{2502}', '\u{2500}'])).collect();
        assert!(rules.len() > 4, "{shown}");
        for line in rules {
            // Escape sequences take no place.
            let mut characters = 0;
            let mut escaped = false;
            for c in line.trim_end().chars() {
                match c {
                    '\u{1b}' => escaped = true,
                    'm' if escaped => escaped = false,
                    _ if escaped => {}
                    _ => characters += 1,
                }
            }
            assert!(characters <= 80, "{characters}: {line}");
        }
    }
}

#[test]
fn nothing_is_coloured_where_no_colour_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("wrong.toml"), "name = \"x\"\nseed = [1]\n").unwrap();
    for line in
        ["check wrong.toml", "--help", "list", "explain dann", "data show quickstart", "-vv list"]
    {
        let Some(shown) = in_terminal(folder.path(), line, true) else { return };
        assert!(!shown.is_empty() && !shown.contains('\u{1b}'), "{line}: {shown:?}");
    }
    // With colours the same lines have some.
    let shown = in_terminal(folder.path(), "check wrong.toml", false).unwrap_or_default();
    assert!(shown.contains('\u{1b}'), "{shown:?}");
}
