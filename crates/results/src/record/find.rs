//! Finds records below the paths that a user names.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::reader::Record;
use super::{DONE, ENVIRONMENT, EVENTS, JOB, METRICS, MODEL, PARTIAL, PREDICTIONS, REPLACED};
use crate::error::RecordError;

/// Something that looks like a record and could not be used.
#[derive(Debug)]
pub struct RecordWarning {
    /// The folder.
    pub path: PathBuf,
    /// Why it was left out.
    pub reason: String,
}

impl fmt::Display for RecordWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

/// The records below some paths.
#[derive(Debug, Default)]
pub struct RecordSet {
    /// Finished records, sorted by folder.
    pub records: Vec<Record>,
    /// What was left out and why.
    pub warnings: Vec<RecordWarning>,
}

/// Folders that hold records, and what cannot be searched.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Sorted by the bytes of their paths.
    pub directories: Vec<PathBuf>,
    pub warnings: Vec<RecordWarning>,
}

/// Reads every record at or below `paths`, each a folder of any level or a file of a record.
/// Records that are unfinished or damaged are reported, never silently skipped.
///
/// # Errors
/// If a path does not exist or cannot be part of a record.
pub fn read_records(paths: &[PathBuf]) -> Result<RecordSet, RecordError> {
    let Found { directories, mut warnings } = find_records(paths)?;
    let opened: Vec<Result<Record, RecordError>> =
        directories.par_iter().map(|directory| Record::open(directory)).collect();
    let mut records = Vec::with_capacity(opened.len());
    for (directory, result) in directories.into_iter().zip(opened) {
        match result {
            Ok(record) => records.push(record),
            Err(error) => {
                warnings.push(RecordWarning { path: directory, reason: error.to_string() });
            }
        }
    }
    Ok(RecordSet { records, warnings })
}

/// Finds the folders of records without reading them.
pub(super) fn find_records(paths: &[PathBuf]) -> Result<Found, RecordError> {
    let mut found = Found::default();
    // Folders by where they really are: the same one may be reached by several of the user's
    // paths (`results` and `./results/digits`). Links are not followed below a path, so only the
    // paths themselves need to be resolved.
    let mut seen = HashSet::new();
    for path in paths {
        let kind = fs::metadata(path).map_err(RecordError::io("cannot read", path))?;
        let before = found.directories.len();
        let root = if kind.is_dir() {
            search(path, &mut found).map_err(RecordError::io("cannot read", path))?;
            path.clone()
        } else {
            let folder = folder_of(path)?;
            found.directories.push(folder.clone());
            folder
        };
        if paths.len() > 1 {
            let real = fs::canonicalize(&root).map_err(RecordError::io("cannot read", &root))?;
            let mut place = 0;
            found.directories.retain(|directory| {
                place += 1;
                // An empty rest must not end the path in a separator.
                let rest = directory.strip_prefix(&root).unwrap_or(directory);
                let full = if rest.as_os_str().is_empty() { real.clone() } else { real.join(rest) };
                place <= before || seen.insert(full)
            });
        }
    }
    found.directories.par_sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    found.directories.dedup();
    found.leave_out_replaced();
    Ok(found)
}

impl Found {
    fn leave_out_replaced(&mut self) {
        let Self { directories, warnings } = self;
        let there = |path: &Path| {
            directories.binary_search_by(|other| other.as_os_str().cmp(path.as_os_str())).is_ok()
        };
        let left_over: HashSet<PathBuf> = directories
            .iter()
            .filter(|path| has_extension(path, REPLACED) && there(&path.with_extension("")))
            .cloned()
            .collect();
        if left_over.is_empty() {
            return;
        }
        directories.retain(|path| !left_over.contains(path));
        let mut left_over: Vec<PathBuf> = left_over.into_iter().collect();
        left_over.sort();
        warnings.extend(left_over.into_iter().map(|path| {
            let reason = "left over from the record that took its place".to_owned();
            RecordWarning { path, reason }
        }));
    }
}

fn search(folder: &Path, found: &mut Found) -> std::io::Result<()> {
    if looks_like_record(folder) {
        found.directories.push(folder.to_owned());
        return Ok(());
    }
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let name = entry.file_name();
        if kind.is_dir() {
            let path = entry.path();
            // Stores are large: records are sorted once, when all are found.
            if looks_like_record(&path) {
                found.directories.push(path);
            } else {
                folders.push(path);
            }
        } else if kind.is_symlink() && entry.path().is_dir() {
            // Links can lead in circles.
            let reason = "a symbolic link, not followed; name it as a path to read it".to_owned();
            found.warnings.push(RecordWarning { path: entry.path(), reason });
        } else if [JOB, DONE, EVENTS].iter().any(|file| name == *file) {
            found.directories.push(folder.to_owned());
            return Ok(());
        }
    }
    folders.sort();
    for path in folders {
        if let Err(error) = search(&path, found) {
            found.warnings.push(RecordWarning { path, reason: format!("cannot read: {error}") });
        }
    }
    Ok(())
}

/// Whether the name alone says so: saves listing every folder of a large store.
fn looks_like_record(folder: &Path) -> bool {
    let Some(stem) = folder.file_stem().and_then(|stem| stem.to_str()) else { return false };
    let id = stem.len() == 16 && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
    let state = folder.extension().is_none()
        || has_extension(folder, PARTIAL)
        || has_extension(folder, REPLACED);
    id && state
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

fn folder_of(file: &Path) -> Result<PathBuf, RecordError> {
    let files = [JOB, ENVIRONMENT, EVENTS, METRICS, MODEL, PREDICTIONS, DONE];
    let known = file.file_name().is_some_and(|name| files.iter().any(|known| name == *known));
    match file.parent() {
        Some(folder) if known && folder.as_os_str().is_empty() => Ok(PathBuf::from(".")),
        Some(folder) if known => Ok(folder.to_owned()),
        _ => Err(RecordError::NotARecord(file.to_owned())),
    }
}
