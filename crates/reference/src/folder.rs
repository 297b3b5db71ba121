//! A folder of reference files.

use crate::ReferenceError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The reference files below a folder, by `family/name`: the path without its ending.
///
/// # Errors
/// If a folder cannot be read.
pub fn files(root: &Path) -> Result<BTreeMap<String, PathBuf>, ReferenceError> {
    let mut files = BTreeMap::new();
    collect(root, "", &mut files)?;
    Ok(files)
}

fn collect(
    folder: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, PathBuf>,
) -> Result<(), ReferenceError> {
    let read = |source| ReferenceError::Read { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
            continue;
        };
        if path.is_dir() {
            collect(&path, &format!("{prefix}{stem}/"), files)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.insert(format!("{prefix}{stem}"), path);
        }
    }
    Ok(())
}
