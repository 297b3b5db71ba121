//! The source tree that a new method is written into.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, InlineTable, Item, Table, Value};

use super::names::Names;
use crate::failure::Failure;

/// The manifest of the workspace.
pub(super) const MANIFEST: &str = "Cargo.toml";
const BINARY_MANIFEST: &str = "crates/cli/Cargo.toml";
const PLUGINS: &str = "crates/cli/src/plugins.rs";
/// Where the crates of methods are.
pub(super) const METHODS: &str = "crates/methods";

/// A source tree of isthmus.
#[derive(Clone, Debug)]
pub struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The source tree that a folder is part of.
    pub fn above(folder: &Path) -> Result<Self, Failure> {
        folder
            .ancestors()
            .find(|root| {
                [MANIFEST, BINARY_MANIFEST, PLUGINS].iter().all(|f| root.join(f).is_file())
            })
            .map(|root| Self { root: root.to_owned() })
            .ok_or_else(|| {
                Failure::input_with(
                    format!("{} is not within a source tree of isthmus", folder.display()),
                    format!(
                        "a new method is written into its `{METHODS}` and linked in `{PLUGINS}`"
                    ),
                )
            })
    }

    /// The root of the tree.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The text of a file of the tree.
    pub fn text(&self, file: &str) -> Result<String, Failure> {
        let path = self.root.join(file);
        fs::read_to_string(&path).map_err(Failure::file("cannot read", &path))
    }

    /// The folder of a method's crate.
    pub fn method_folder(&self, name: &str) -> PathBuf {
        self.root.join(METHODS).join(name)
    }

    /// A path as seen from the root.
    pub fn relative(&self, file: &Path) -> String {
        file.strip_prefix(&self.root).unwrap_or(file).display().to_string()
    }

    /// The files that link a method, with their new texts.
    pub fn linked(&self, names: &Names) -> Result<Vec<(PathBuf, String)>, Failure> {
        Ok(vec![
            self.changed(MANIFEST, |text| {
                let mut document = parsed(text)?;
                let dependencies = table(&mut document, &["workspace", "dependencies"])?;
                let mut dependency = InlineTable::new();
                dependency.insert("path", Value::from(format!("{METHODS}/{}", names.name)));
                insert(dependencies, &names.package, Item::Value(Value::from(dependency)))?;
                Ok(document.to_string())
            })?,
            self.changed(BINARY_MANIFEST, |text| {
                let mut document = parsed(text)?;
                let dependencies = table(&mut document, &["dependencies"])?;
                let mut dependency = Table::new();
                dependency.set_dotted(true);
                dependency.insert("workspace", Item::Value(Value::from(true)));
                insert(dependencies, &names.package, Item::Table(dependency))?;
                Ok(document.to_string())
            })?,
            self.changed(PLUGINS, |text| with_link(text, &names.library()))?,
        ])
    }

    fn changed(
        &self,
        file: &str,
        change: impl FnOnce(&str) -> Result<String, String>,
    ) -> Result<(PathBuf, String), Failure> {
        let path = self.root.join(file);
        let text = change(&self.text(file)?)
            .map_err(|problem| Failure::input(format!("{}: {problem}", path.display())))?;
        Ok((path, text))
    }
}

/// A TOML document.
pub(super) fn parsed(text: &str) -> Result<DocumentMut, String> {
    text.parse().map_err(|error: toml_edit::TomlError| error.message().to_owned())
}

/// The table at a path.
pub(super) fn table<'d>(
    document: &'d mut DocumentMut,
    path: &[&str],
) -> Result<&'d mut Table, String> {
    let mut item = document.as_item_mut();
    for key in path {
        item = item.get_mut(key).ok_or_else(|| format!("there is no [{}]", path.join(".")))?;
    }
    item.as_table_mut().ok_or_else(|| format!("[{}] is no table", path.join(".")))
}

fn insert(table: &mut Table, key: &str, item: Item) -> Result<(), String> {
    if table.contains_key(key) {
        return Err(format!("there is a dependency `{key}` already"));
    }
    table.insert(key, item);
    Ok(())
}

/// The text with one more `use ... as _;`, in the order of the alphabet.
fn with_link(text: &str, library: &str) -> Result<String, String> {
    let line = format!("use {library} as _;");
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.contains(&line.as_str()) {
        return Err(format!("`{library}` is linked already"));
    }
    let is_link = |line: &str| line.starts_with("use ") && line.ends_with(" as _;");
    let place = lines
        .iter()
        .position(|other| is_link(other) && *other > line.as_str())
        .or_else(|| lines.iter().rposition(|other| is_link(other)).map(|last| last + 1))
        .unwrap_or(lines.len());
    lines.insert(place, &line);
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(MANIFEST, "[workspace.dependencies]\nisthmus-a = { path = \"a\" }\n\n[x]\ny = 1\n");
        write(BINARY_MANIFEST, "[dependencies]\nclap.workspace = true\n");
        write(PLUGINS, "//! Links.\n\nuse isthmus_a as _;\nuse isthmus_z as _;\n");
        folder
    }

    #[test]
    fn a_method_is_linked_by_one_line_in_each_file() {
        let folder = tree();
        let repository = Repository::above(&folder.path().join("crates/cli/src")).unwrap();
        let texts: Vec<String> = repository
            .linked(&Names::new("mean-shift").unwrap())
            .unwrap()
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        assert_eq!(
            texts,
            [
                "[workspace.dependencies]\nisthmus-a = { path = \"a\" }\nisthmus-mean-shift = { \
                 path = \"crates/methods/mean-shift\" }\n\n[x]\ny = 1\n",
                "[dependencies]\nclap.workspace = true\nisthmus-mean-shift.workspace = true\n",
                "//! Links.\n\nuse isthmus_a as _;\nuse isthmus_mean_shift as _;\nuse isthmus_z \
                 as _;\n",
            ]
        );
    }

    #[test]
    fn what_is_linked_already_is_refused() {
        let folder = tree();
        let repository = Repository::above(folder.path()).unwrap();
        let error = repository.linked(&Names::new("a").unwrap()).unwrap_err();
        assert!(error.to_string().contains("`isthmus-a` already"), "{error}");
    }

    #[test]
    fn another_folder_is_no_source_tree() {
        let folder = tempfile::tempdir().unwrap();
        let error = Repository::above(folder.path()).unwrap_err();
        assert!(error.to_string().contains("not within a source tree"), "{error}");
    }
}
