//! Checks every claim against the folder of reference numbers.
//!
//! The folder is `ISTHMUS_REFERENCE`, by default `shared/reference` beside the repository. Without
//! a folder there is nothing to check, and the test says so.
#![allow(clippy::unwrap_used)]

use isthmus_reference::check::{Report, check};
use isthmus_reference::format::{Array, ReferenceFile};
use isthmus_reference::{Claim, ReferenceError, claims, folder};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The reference folder, if there is one.
fn root() -> Option<PathBuf> {
    let root = match std::env::var_os("ISTHMUS_REFERENCE") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference"),
    };
    if root.is_dir() {
        return Some(root);
    }
    println!("skipped: no reference folder; set ISTHMUS_REFERENCE to the folder to check");
    None
}

#[test]
fn claims_hold() {
    let Some(root) = root() else { return };
    let mut files = folder::files(&root).unwrap();
    let mut failures = Vec::new();

    println!("{:<44} {:>6} {:>7}  worst at", "file", "arrays", "worst");
    for claim in claims::all() {
        let name = claim.file();
        let Some(path) = files.remove(&name) else {
            failures.push(format!("{name}: claimed, but the folder has no such file"));
            continue;
        };
        match ReferenceFile::read(&path).and_then(|file| check(claim, &file)) {
            Ok(report) => {
                print_report(&name, &report);
                failures.extend(report.misses().map(|miss| format!("{name}: {miss}")));
                if report.findings.is_empty() {
                    failures.push(format!("{name}: nothing to check"));
                }
            }
            Err(ReferenceError::Unavailable(what)) => println!("{name:<44} skipped: no {what}"),
            Err(error) => failures.push(format!("{name}: failed to {error}")),
        }
    }
    print_unclaimed(&files);
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn print_report(name: &str, report: &Report) {
    let count = report.findings.len();
    match report.worst() {
        Some((finding, share)) => {
            let (case, array) = (finding.case, &finding.array);
            println!("{name:<44} {count:>6} {share:>7.4}  case {case}, {array}");
        }
        None => println!("{name:<44} {count:>6}"),
    }
}

fn print_unclaimed(files: &BTreeMap<String, PathBuf>) {
    println!("\n{} files that nothing claims yet:", files.len());
    for name in files.keys() {
        println!("  {name}");
    }
}

/// A claim that would hold against other numbers as well checks nothing: every expected array is
/// moved by three tolerances in turn, and each time exactly this array has to fail.
#[test]
fn every_claim_notices_a_wrong_number() {
    let Some(root) = root() else { return };
    let files = folder::files(&root).unwrap();
    for claim in claims::all() {
        let Some(path) = files.get(&claim.file()) else {
            continue;
        };
        let file = ReferenceFile::read(path).unwrap();
        if matches!(check(claim, &file), Err(ReferenceError::Unavailable(_))) {
            continue;
        }
        for case in 0..file.cases.len() {
            for name in file.cases[case].expected.keys() {
                let change = |file: &mut ReferenceFile| {
                    move_first(file.cases[case].expected.get_mut(name).unwrap(), file.tolerance);
                };
                assert_noticed(claim, &file, change, name);
            }
            for name in file.cases[case].grad.keys() {
                let change = |file: &mut ReferenceFile| {
                    move_first(file.cases[case].grad.get_mut(name).unwrap(), file.tolerance);
                };
                assert_noticed(claim, &file, change, &format!("d {name}"));
            }
        }
    }
}

/// Moves the first entry by three tolerances, and a little more for those that are absolute.
fn move_first(array: &mut Array, tolerance: f64) {
    let largest = array.data.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    array.data[0] += 3.0 * tolerance * largest + 1e-3;
}

fn assert_noticed(
    claim: &Claim,
    file: &ReferenceFile,
    change: impl Fn(&mut ReferenceFile),
    array: &str,
) {
    let mut changed = file.clone();
    change(&mut changed);
    let report = check(claim, &changed).unwrap();
    let misses: Vec<&str> = report.misses().map(|miss| miss.array.as_str()).collect();
    assert_eq!(misses, [array], "{}", claim.file());
}
