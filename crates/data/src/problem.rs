//! Short ways to say what is wrong with a file.

use std::path::Path;

use isthmus_core::error::DataError;

/// A file that is there and cannot be used.
pub(crate) fn file(path: impl AsRef<Path>, problem: impl Into<String>) -> DataError {
    DataError::File { file: path.as_ref().display().to_string(), problem: problem.into() }
}

/// Something inside a file: an array, an entry, a row.
pub(crate) fn inside(
    path: impl AsRef<Path>,
    part: impl std::fmt::Display,
    problem: impl Into<String>,
) -> DataError {
    DataError::File {
        file: format!("{}, {part}", path.as_ref().display()),
        problem: problem.into(),
    }
}

/// An operation of the file system that failed.
pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> DataError {
    DataError::Io { action, file: path.display().to_string(), source }
}

/// The content of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    std::fs::read(path).map_err(|source| io("cannot read", path, source))
}

/// `a`, `b` or `c`.
pub(crate) fn one_of<T: std::fmt::Display>(choices: impl IntoIterator<Item = T>) -> String {
    let choices: Vec<_> = choices.into_iter().map(|choice| format!("`{choice}`")).collect();
    match choices.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// ` (did you mean `x`?)` for the nearest of the known names, or nothing.
pub(crate) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    const NEAR: f64 = 0.75;
    known
        .into_iter()
        .map(|other| (strsim::jaro_winkler(name, other), other))
        .filter(|(similarity, _)| *similarity >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| format!(" (did you mean `{other}`?)"))
        .unwrap_or_default()
}
