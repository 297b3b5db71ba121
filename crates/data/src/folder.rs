//! What a folder holds.

use std::ffi::OsString;
use std::path::Path;

use isthmus_core::error::DataError;

use crate::problem;

/// The names of the files and folders in a folder, sorted, without what is hidden.
///
/// # Errors
/// If the folder cannot be listed.
pub(crate) fn visible_names(folder: &Path) -> Result<Vec<OsString>, DataError> {
    let failed = |source| problem::io("cannot list", folder, source);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !is_hidden(&name.to_string_lossy()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Whether a name is of what desktops leave behind, not of data.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name == "__MACOSX"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_desktops_leave_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b", "a", ".DS_Store", "__MACOSX"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(visible_names(folder.path()).unwrap(), ["a", "b"]);
        let error = visible_names(&folder.path().join("c")).unwrap_err().to_string();
        assert!(error.contains("cannot list"), "{error}");
    }
}
