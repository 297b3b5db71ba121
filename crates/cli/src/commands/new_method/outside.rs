//! A method in a crate of its own, outside the source tree.
//!
//! Cargo takes a dependency that is built already only where its version, its features and its
//! profile are the same. All three come from the source tree: its lock file, its dependencies, its
//! profile.

use std::path::{Component, Path, PathBuf};

use toml_edit::{DocumentMut, InlineTable, Item, Table};

use super::repository::{METHODS, parsed, table};

/// Where the crate of the command is, from the root.
const COMMAND: &str = "crates/cli";

const PROFILE: &str = "
# The versions in Cargo.lock and this profile are those of isthmus: cargo then takes what it has
# built for isthmus, and builds only what is new. When they change there, change them here.
";

/// A manifest that stands alone, made of one for a method `name` in the source tree.
///
/// `root` is the absolute path of the tree, `workspace` the text of its `Cargo.toml`.
///
/// What that one inherits is written out, paths are absolute, the command and its allocator are
/// dependencies, and the profile is that of the source tree.
///
/// # Errors
/// If one of the files does not have the form that isthmus gives it.
pub fn manifest(root: &Path, workspace: &str, name: &str, inside: &str) -> Result<String, String> {
    let mut inside = parsed(inside)?;
    let mut workspace = parsed(workspace)?;
    let mut alone = DocumentMut::new();

    let shared = table(&mut workspace, &["workspace", "package"])?.clone();
    let mut package = written_out(table(&mut inside, &["package"])?, &shared)?;
    // Its author says on which terms others may use it.
    package.remove("license");
    alone.insert("package", Item::Table(package));

    let mut shared = table(&mut workspace, &["workspace", "dependencies"])?.clone();
    make_absolute(&mut shared, root)?;
    let folder = root.join(METHODS).join(name);
    for section in ["dependencies", "dev-dependencies"] {
        let mut dependencies = written_out(table(&mut inside, &[section])?, &shared)?;
        make_absolute(&mut dependencies, &folder)?;
        if section == "dependencies" {
            let mut command = InlineTable::new();
            command.insert("path", utf8(&root.join(COMMAND))?.into());
            dependencies.insert("isthmus", Item::Value(command.into()));
            dependencies.insert("mimalloc", found(&shared, "mimalloc")?.clone());
            dependencies.sort_values();
        }
        alone.insert(section, Item::Table(dependencies));
    }

    let lints = only("lints", table(&mut workspace, &["workspace", "lints"])?.clone());
    let mut profile = Table::new();
    profile.set_implicit(true);
    profile.insert("release", table(&mut workspace, &["profile", "release"])?.clone().into());
    let profile = only("profile", profile);
    // `[workspace]` keeps it out of a workspace that its folder may lie in.
    Ok(format!("{alone}\n{}\n\n[workspace]\n{PROFILE}{}", lints.trim(), profile.trim_start()))
}

/// A table with what it inherits (`version.workspace = true`) written out.
fn written_out(inside: &Table, shared: &Table) -> Result<Table, String> {
    let mut table = Table::new();
    for (key, item) in inside {
        let fields = item.as_table_like();
        let inherited = fields.is_some_and(|fields| fields.contains_key("workspace"));
        if inherited && fields.is_some_and(|fields| fields.len() > 1) {
            return Err(format!("`{key}` inherits, and changes what it inherits"));
        }
        let item = if inherited { found(shared, key)? } else { item };
        table.insert(key, item.clone());
    }
    Ok(table)
}

fn found<'t>(shared: &'t Table, key: &str) -> Result<&'t Item, String> {
    shared.get(key).ok_or_else(|| format!("the workspace has no `{key}` to inherit"))
}

/// Makes the paths of dependencies, which are seen from `folder`, absolute.
fn make_absolute(dependencies: &mut Table, folder: &Path) -> Result<(), String> {
    for (_, dependency) in dependencies.iter_mut() {
        let Some(dependency) = dependency.as_table_like_mut() else { continue };
        if let Some(path) = dependency.get("path").and_then(Item::as_str) {
            let path = utf8(&without_parents(&folder.join(path)))?;
            dependency.insert("path", Item::Value(path.into()));
        }
    }
    Ok(())
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

fn utf8(path: &Path) -> Result<String, String> {
    let text = path
        .to_str()
        .ok_or_else(|| format!("{} cannot stand in a manifest, which is UTF-8", path.display()))?;
    Ok(text.to_owned())
}

/// The text of one table.
fn only(name: &str, table: Table) -> String {
    let mut document = DocumentMut::new();
    document.insert(name, Item::Table(table));
    document.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = r#"
[workspace.package]
version = "0.1.0"
license = "MIT"

[workspace.lints.rust]
missing_docs = "warn"

[workspace.dependencies]
isthmus-losses = { path = "crates/losses" }
mimalloc = "0.1"
serde = { version = "1", features = ["derive"] }

[profile.release]
opt-level = 3

# Not hot.
[profile.release.package]
serde = { opt-level = 0 }

[profile.dev]
opt-level = 2
"#;
    const INSIDE: &str = r#"[package]
name = "isthmus-near"
version.workspace = true
license.workspace = true

[lints]
workspace = true

[dependencies]
isthmus-losses.workspace = true
serde.workspace = true

[dev-dependencies]
isthmus-testing = { path = "../testing" }
"#;

    fn made(inside: &str) -> Result<String, String> {
        manifest(Path::new("/tree"), WORKSPACE, "near", inside)
    }

    #[test]
    fn a_manifest_stands_alone() {
        let expected = r#"[package]
name = "isthmus-near"
version = "0.1.0"

[dependencies]
isthmus = { path = "/tree/crates/cli" }
isthmus-losses = { path = "/tree/crates/losses" }
mimalloc = "0.1"
serde = { version = "1", features = ["derive"] }

[dev-dependencies]
isthmus-testing = { path = "/tree/crates/methods/testing" }

[lints.rust]
missing_docs = "warn"

[workspace]

# The versions in Cargo.lock and this profile are those of isthmus: cargo then takes what it has
# built for isthmus, and builds only what is new. When they change there, change them here.
[profile.release]
opt-level = 3

# Not hot.
[profile.release.package]
serde = { opt-level = 0 }
"#;
        assert_eq!(made(INSIDE).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_written_out_is_told() {
        let inside = INSIDE.replace("serde.workspace", "other.workspace");
        let error = made(&inside).unwrap_err();
        assert_eq!(error, "the workspace has no `other` to inherit");
        let inside = INSIDE
            .replace("serde.workspace = true", "serde = { workspace = true, optional = true }");
        let error = made(&inside).unwrap_err();
        assert_eq!(error, "`serde` inherits, and changes what it inherits");
    }
}
