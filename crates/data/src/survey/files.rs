//! The files that a survey looks at.

use std::path::{Path, PathBuf};

use isthmus_core::error::DataError;

use crate::folder::visible_names;
use crate::problem;

/// How many levels below the given folders are listed.
const LEVELS: usize = 4;
/// Most files that are listed: more are images, which trees look at themselves.
const MOST: usize = 20_000;

/// Files and folders below one folder.
pub(super) struct Files {
    /// The folder that all paths begin from.
    pub folder: PathBuf,
    /// The folders and files that were given, below `folder`; empty where it is the only one.
    pub given: Vec<PathBuf>,
    /// The files below the given ones, in the order of their paths, relative to `folder`.
    pub files: Vec<PathBuf>,
}

impl Files {
    /// Lists what is below the given folders and files.
    pub fn of(paths: &[PathBuf]) -> Result<Self, DataError> {
        let absolute = |path: &PathBuf| {
            std::fs::canonicalize(path).map_err(|source| problem::io("cannot read", path, source))
        };
        let paths = paths.iter().map(absolute).collect::<Result<Vec<PathBuf>, _>>()?;
        let (folder, given) = match paths.as_slice() {
            [only] if only.is_dir() => (only.clone(), Vec::new()),
            paths => {
                let parent = |path: &PathBuf| path.parent().unwrap_or(Path::new("/")).to_owned();
                let common = |a: PathBuf, b: PathBuf| -> PathBuf {
                    let same = a.components().zip(b.components()).take_while(|(a, b)| a == b);
                    same.map(|(component, _)| component).collect()
                };
                let folder = paths.iter().map(parent).reduce(common).unwrap_or_default();
                let below = |path: &PathBuf| path.strip_prefix(&folder).unwrap_or(path).to_owned();
                let given = paths.iter().map(below).collect();
                (folder, given)
            }
        };
        let mut files = Vec::new();
        if given.is_empty() {
            list(&folder, Path::new(""), LEVELS, &mut files)?;
        }
        for path in &given {
            if folder.join(path).is_dir() {
                list(&folder, path, LEVELS, &mut files)?;
            } else {
                files.push(path.clone());
            }
        }
        files.sort();
        files.dedup();
        Ok(Self { folder, given, files })
    }

    /// The folders directly below the one folder, or those that were given.
    pub fn folders(&self) -> Result<Vec<PathBuf>, DataError> {
        if self.given.is_empty() {
            return subfolders(&self.folder, Path::new(""));
        }
        Ok(self.given.iter().filter(|path| self.folder.join(path).is_dir()).cloned().collect())
    }

    /// The files whose names end so.
    pub fn ending<'a>(&'a self, endings: &'a [&str]) -> impl Iterator<Item = &'a PathBuf> {
        self.files.iter().filter(|path| {
            let name = path.to_string_lossy().to_ascii_lowercase();
            endings.iter().any(|ending| name.ends_with(ending))
        })
    }

    /// What there is, in words.
    pub fn summary(&self) -> String {
        if self.files.is_empty() {
            return "no file is there".to_owned();
        }
        format!(
            "there are {} ({})",
            problem::counted(self.files.len(), "file"),
            problem::some_of(self.files.iter().map(|path| path.to_string_lossy()))
        )
    }
}

/// The folders in a folder, by name; those that begin with a dot are passed over.
pub(super) fn subfolders(root: &Path, folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let entries = entries(root, folder)?;
    Ok(entries.into_iter().filter(|path| root.join(path).is_dir()).collect())
}

fn list(
    root: &Path,
    folder: &Path,
    levels: usize,
    files: &mut Vec<PathBuf>,
) -> Result<(), DataError> {
    for path in entries(root, folder)? {
        if files.len() >= MOST {
            return Ok(());
        }
        if !root.join(&path).is_dir() {
            files.push(path);
        } else if levels > 1 {
            list(root, &path, levels - 1, files)?;
        }
    }
    Ok(())
}

fn entries(root: &Path, folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let names = visible_names(&root.join(folder))?;
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// The names of domains that are files: what differs between their paths, without the ending.
pub(super) fn names_of(paths: &[&Path]) -> Vec<String> {
    let parts = |path: &Path| -> Vec<String> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = stem(&name).to_owned();
        let folders = path.parent().unwrap_or(Path::new(""));
        let folders = folders.components().map(|it| it.as_os_str().to_string_lossy().into_owned());
        folders.chain([stem]).collect()
    };
    let all: Vec<Vec<String>> = paths.iter().map(|path| parts(path)).collect();
    let [_, _, ..] = all.as_slice() else {
        return all.into_iter().map(|parts| parts.last().cloned().unwrap_or_default()).collect();
    };
    let shortest = all.iter().map(Vec::len).min().unwrap_or(0);
    let same_at = |place: usize| all.iter().all(|parts| parts[place] == all[0][place]);
    let start = (0..shortest.saturating_sub(1)).take_while(|&place| same_at(place)).count();
    let alike_end = |back: usize| {
        all.iter().all(|parts| parts[parts.len() - 1 - back] == all[0][all[0].len() - 1 - back])
    };
    let end = (0..shortest.saturating_sub(start + 1)).take_while(|&back| alike_end(back)).count();
    all.iter().map(|parts| parts[start..parts.len() - end].join("-")).collect()
}

/// A file's name without its ending.
pub(super) fn stem(name: &str) -> &str {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.rsplit_once('.').map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_named_by_what_differs_in_their_paths() {
        let of = |paths: &[&str]| {
            let paths: Vec<&Path> = paths.iter().map(Path::new).collect();
            names_of(&paths)
        };
        assert_eq!(of(&["a.csv", "b.csv.gz"]), ["a", "b"]);
        assert_eq!(of(&["x/a/data.npz", "x/b/data.npz"]), ["a", "b"]);
        assert_eq!(of(&["a/one.mat", "b/two.mat"]), ["a-one", "b-two"]);
        assert_eq!(of(&["a/only.mat"]), ["only"]);
    }
}
