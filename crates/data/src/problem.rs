//! Short ways to say what is wrong with a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use isthmus_core::error::DataError;

use crate::sniff;

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

/// The first bytes of a file, enough to tell what it is.
pub(crate) fn first_bytes(path: &Path) -> Result<Vec<u8>, DataError> {
    let failed = |source| io("cannot read", path, source);
    let mut bytes = Vec::with_capacity(sniff::LOOKED_AT);
    let file = File::open(path).map_err(failed)?;
    file.take(sniff::LOOKED_AT as u64).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// A name with its control characters written out: it may come from anywhere.
pub(crate) fn shown(name: &str) -> String {
    name.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_debug());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// The first names of a list and how many follow.
pub(crate) fn some_of<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    const SHOWN: usize = 12;
    let names: Vec<String> = names.into_iter().map(|name| shown(name.as_ref())).collect();
    let first = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// `1 file`, `2 files`.
pub(crate) fn counted(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ if what.ends_with('s') => format!("{number} {what}es"),
        _ => format!("{number} {what}s"),
    }
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
