//! Tells the command which commit it is built from, where there is a repository, and its features.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let mut parts: Vec<String> = commit().into_iter().collect();
    parts.push(format!("features: {}", features()));
    println!("cargo::rustc-env=ISTHMUS_BUILD={}", parts.join(", "));
}

/// The first digits of the commit that is checked out. Cargo asks again when that is another one.
fn commit() -> Option<String> {
    let commit = git(&["rev-parse", "--short=7", "HEAD"])?;
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    // The reflog changes whenever another commit is checked out or made. Without one, the branch does.
    let places = ["logs/HEAD", "HEAD", "packed-refs"].into_iter().chain(branch.as_deref());
    let at = |place: &str| git(&["rev-parse", "--path-format=absolute", "--git-path", place]);
    for path in places.filter_map(at).filter(|path| Path::new(path).is_file()) {
        println!("cargo::rerun-if-changed={path}");
    }
    Some(commit)
}

fn git(arguments: &[&str]) -> Option<String> {
    let directory = std::env::var_os("CARGO_MANIFEST_DIR")?;
    let output = Command::new("git").arg("-C").arg(directory).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

fn features() -> String {
    let mut features: Vec<String> = std::env::vars()
        .filter_map(|(name, _)| Some(name.strip_prefix("CARGO_FEATURE_")?.to_lowercase()))
        .filter(|name| name != "default")
        .collect();
    features.sort();
    if features.is_empty() { "none".to_owned() } else { features.join(" ") }
}
