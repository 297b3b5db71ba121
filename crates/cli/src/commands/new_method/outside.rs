//! A method in a crate of its own, outside the source tree.
//!
//! Cargo takes what is built already only where version, features and profile are the same, and a
//! path only where it is the same as seen from the root of the workspace. So the crate is a
//! workspace like that of isthmus, with its lock file, dependencies and profile, and `crates` in it
//! is a link to the crates of isthmus: nothing but the method is compiled.

use std::io;
use std::path::{Component, Path, PathBuf};

use toml_edit::{InlineTable, Item};

use super::repository::{METHODS, parsed, table};

/// The link to the crates of isthmus.
pub const LINK: &str = "crates";
/// What belongs to one machine.
pub const IGNORED: &str = "/crates\n/target\n/.cargo\n";
/// Where the crate of the command is, from the root.
const COMMAND: &str = "crates/cli";

const WORKSPACE: &str = "
# From here on, and in Cargo.lock, all is as isthmus has it, and `crates` is a link to its crates:
# cargo then takes what it has built for isthmus, and builds only what is new. When they change
# there, change them here.
";

/// A manifest that is a workspace of its own, made of `inside`, one for a method `name` in the
/// source tree, and of the text of that one's `Cargo.toml`, `workspace`. The command and its
/// allocator are added to the dependencies.
///
/// # Errors
/// If one of the files does not have the form that isthmus gives it.
pub fn manifest(workspace: &str, name: &str, inside: &str) -> Result<String, String> {
    let mut inside = parsed(inside)?;
    // Its author says on which terms others may use it.
    table(&mut inside, &["package"])?.remove("license");
    let folder = Path::new(METHODS).join(name);
    for section in ["dependencies", "dev-dependencies"] {
        for (_, dependency) in table(&mut inside, &[section])?.iter_mut() {
            let Some(dependency) = dependency.as_table_like_mut() else { continue };
            if let Some(path) = dependency.get("path").and_then(Item::as_str) {
                let path = without_parents(&folder.join(path)).display().to_string();
                dependency.insert("path", Item::Value(path.into()));
            }
        }
    }
    let dependencies = table(&mut inside, &["dependencies"])?;
    let mut command = InlineTable::new();
    command.insert("path", COMMAND.into());
    dependencies.insert("isthmus", Item::Value(command.into()));
    let mut inherited = InlineTable::new();
    inherited.insert("workspace", true.into());
    dependencies.insert("mimalloc", Item::Value(inherited.into()));
    dependencies.sort_values();

    let mut shared = parsed(workspace)?;
    // Cargo finds them by the paths of the dependencies.
    table(&mut shared, &["workspace"])?.remove("members");
    Ok(format!("{inside}{WORKSPACE}{shared}"))
}

/// The path without `..`.
pub fn without_parents(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for component in path.components() {
        if component == Component::ParentDir {
            short.pop();
        } else {
            short.push(component);
        }
    }
    short
}

/// Links a folder.
///
/// # Errors
/// If the system refuses it.
pub fn link(original: &Path, link: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(original, link);
    #[cfg(windows)]
    return std::os::windows::fs::symlink_dir(original, link);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: &str = r#"[workspace]
resolver = "3"
members = [
    "crates/cli",
]

[workspace.package]
version = "0.1.0"

[workspace.dependencies]
isthmus-losses = { path = "crates/losses" }
mimalloc = "0.1"

[profile.release]
opt-level = 3

# Not hot.
[profile.release.package]
serde = { opt-level = 0 }
"#;
    const INSIDE: &str = r#"[package]
name = "isthmus-near"
version.workspace = true
license.workspace = true

[lints]
workspace = true

[dependencies]
isthmus-losses.workspace = true

[dev-dependencies]
isthmus-testing = { path = "../testing" }
"#;

    #[test]
    fn a_manifest_is_a_workspace_like_that_of_isthmus() {
        let expected = r#"[package]
name = "isthmus-near"
version.workspace = true

[lints]
workspace = true

[dependencies]
isthmus = { path = "crates/cli" }
isthmus-losses.workspace = true
mimalloc = { workspace = true }

[dev-dependencies]
isthmus-testing = { path = "crates/methods/testing" }

# From here on, and in Cargo.lock, all is as isthmus has it, and `crates` is a link to its crates:
# cargo then takes what it has built for isthmus, and builds only what is new. When they change
# there, change them here.
[workspace]
resolver = "3"

[workspace.package]
version = "0.1.0"

[workspace.dependencies]
isthmus-losses = { path = "crates/losses" }
mimalloc = "0.1"

[profile.release]
opt-level = 3

# Not hot.
[profile.release.package]
serde = { opt-level = 0 }
"#;
        assert_eq!(manifest(SHARED, "near", INSIDE).unwrap(), expected);
    }

    #[test]
    fn a_tree_of_another_form_is_told() {
        let error = manifest("[package]\nname = 'x'\n", "near", INSIDE).unwrap_err();
        assert!(error.contains("workspace"), "{error}");
    }
}
