//! Tells the crate which compiler and which burn it is built with; every record states them.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=ISTHMUS_RUSTC_VERSION={}", rustc_version());
    println!("cargo::rustc-env=ISTHMUS_BURN_VERSION={}", burn_version());
}

fn rustc_version() -> String {
    std::env::var("RUSTC")
        .ok()
        .and_then(|rustc| Command::new(rustc).arg("--version").output().ok())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// burn states its version nowhere in its API, so the lock file is asked.
fn burn_version() -> String {
    let directory = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    for ancestor in Path::new(&directory).ancestors() {
        let lock = ancestor.join("Cargo.lock");
        let Ok(text) = std::fs::read_to_string(&lock) else { continue };
        println!("cargo::rerun-if-changed={}", lock.display());
        let mut lines = text.lines();
        if lines.any(|line| line == "name = \"burn\"")
            && let Some(version) = lines.next().and_then(|line| line.strip_prefix("version = \""))
        {
            return version.trim_end_matches('"').to_owned();
        }
    }
    "unknown".to_owned()
}
