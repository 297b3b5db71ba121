//! Remembers what tables need of many records, so that only new ones are opened.
//!
//! Opening three small files a record is most of the time that a table of a large store takes.
//! A folder with many records therefore gets a file `.isthmus-index.jsonl`: its first line is the
//! SHA-256 of the rest, and each further line holds a record's path, the state of its files, its
//! run, and the text of its metrics. An entry is used only while size, times and (on Unix) inode
//! of `done`, `job.json` and `metrics.csv` are what they were when these were read and checked;
//! anything else is read again. A file that was changed less than [`SETTLED`] before it was read
//! is not remembered: a second change could leave the same times. The index can be deleted at any
//! time.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::files::{beside, sha256};
use super::find::{Found, RecordWarning, find_records};
use super::header::RunInfo;
use super::reader::Essentials;
use super::{DONE, JOB, METRICS};
use crate::error::RecordError;

/// Name of the index in the folder that a user names.
const INDEX: &str = ".isthmus-index.jsonl";

/// Folders with fewer records are read as fast without an index.
const WORTHWHILE: usize = 1000;

/// One in this many records must be new before the index is written again.
const OUTDATED: usize = 50;

/// Time after which a second change of a file is sure to get another time.
const SETTLED: Duration = Duration::from_secs(2);

/// What tables need of a record.
pub(crate) struct TableRecord {
    pub directory: PathBuf,
    pub run: RunInfo,
    /// The text of `metrics.csv`.
    pub metrics: String,
}

/// Reads what tables need of every record at or below `paths`, sorted by folder, with what was
/// left out and why.
pub(crate) fn read_for_tables(
    paths: &[PathBuf],
) -> Result<(Vec<TableRecord>, Vec<RecordWarning>), RecordError> {
    let Found { directories, mut warnings } = find_records(paths)?;
    let roots: Vec<&PathBuf> = paths.iter().filter(|path| path.is_dir()).collect();
    // Of nested paths the innermost is a record's root.
    let root_of = |directory: &Path| {
        roots
            .iter()
            .enumerate()
            .filter(|(_, root)| directory.starts_with(root) && directory != root.as_path())
            .max_by_key(|(_, root)| root.as_os_str().len())
            .map(|(place, _)| place)
    };
    // Many paths are single records, as at the end of a run.
    let few_roots = roots.len() <= 16;
    let place_of: Vec<Option<usize>> = directories
        .par_iter()
        .map(|directory| if few_roots { root_of(directory) } else { None })
        .collect();
    let mut numbers = vec![0; roots.len()];
    place_of.iter().flatten().for_each(|&place: &usize| numbers[place] += 1);
    let known = known_entries(&directories, &place_of, &roots, &numbers);
    let now = SystemTime::now();
    let read: Vec<Result<Read, RecordError>> = directories
        .par_iter()
        .zip(&place_of)
        .zip(known)
        .map(|((directory, place), known)| match place {
            Some(place) if numbers[*place] >= WORTHWHILE => read_or_recall(directory, known, now),
            _ => {
                let Essentials { run, metrics, .. } = Essentials::read(directory)?;
                Ok(Read { state: None, run, metrics, new: false })
            }
        })
        .collect();

    let mut new = vec![0; roots.len()];
    for (result, place) in read.iter().zip(&place_of) {
        if let (Ok(Read { new: true, .. }), Some(place)) = (result, place) {
            new[*place] += 1;
        }
    }
    for (place, root) in roots.iter().enumerate() {
        if numbers[place] >= WORTHWHILE && new[place] * OUTDATED > numbers[place] {
            let entries: Vec<(&str, &Read)> = directories
                .iter()
                .zip(&place_of)
                .zip(&read)
                .filter_map(|((directory, of), result)| match result {
                    Ok(read) if *of == Some(place) => Some((relative(directory, root)?, read)),
                    _ => None,
                })
                .collect();
            store(root, &entries);
        }
    }

    let mut records = Vec::with_capacity(read.len());
    for (directory, result) in directories.into_iter().zip(read) {
        match result {
            Ok(Read { run, metrics, .. }) => {
                records.push(TableRecord { directory, run, metrics });
            }
            Err(error) => {
                warnings.push(RecordWarning { path: directory, reason: error.to_string() });
            }
        }
    }
    Ok((records, warnings))
}

/// A record that was read, with the state of its files where that is certain.
struct Read {
    state: Option<State>,
    run: RunInfo,
    metrics: String,
    /// Whether the index lacks it.
    new: bool,
}

/// The entry of each directory in the index of its root, where there is one.
fn known_entries(
    directories: &[PathBuf],
    place_of: &[Option<usize>],
    roots: &[&PathBuf],
    numbers: &[usize],
) -> Vec<Option<Entry>> {
    let load = |(root, &number): (&&PathBuf, &usize)| {
        if number < WORTHWHILE { Vec::new() } else { load(root) }
    };
    let mut indexes: Vec<_> =
        roots.iter().zip(numbers).map(|of_root| load(of_root).into_iter().peekable()).collect();
    // Folders and entries have one order: each index is walked through once.
    let entry = |(directory, place): (&PathBuf, &Option<usize>)| {
        let place = (*place)?;
        let name = relative(directory, roots[place])?;
        while indexes[place].next_if(|entry| entry.path.as_str() < name).is_some() {}
        indexes[place].next_if(|entry| entry.path == name)
    };
    directories.iter().zip(place_of).map(entry).collect()
}

/// The record as the index has it, if that is still right; else as its files are.
fn read_or_recall(
    directory: &Path,
    known: Option<Entry>,
    now: SystemTime,
) -> Result<Read, RecordError> {
    if let Some(Entry { state, run, metrics, .. }) = known
        && State::of(directory).as_ref() == Some(&state)
    {
        return Ok(Read { state: Some(state), run, metrics, new: false });
    }
    let Essentials { run, metrics, files, .. } = Essentials::read(directory)?;
    // A change after the state was asked for gets a later time: what was read then may not be what
    // the state describes, and is never recalled, since the state is not that any more.
    let state = State::of_files(&files).filter(|state| state.is_settled(now));
    let new = state.is_some();
    Ok(Read { state, run, metrics, new })
}

/// A line of the index.
#[derive(Deserialize)]
struct Entry {
    path: String,
    state: State,
    run: RunInfo,
    metrics: String,
}

/// An [`Entry`] as it is written.
#[derive(Serialize)]
struct EntryRef<'a> {
    path: &'a str,
    state: &'a State,
    run: &'a RunInfo,
    metrics: &'a str,
}

/// The state of the files that were read: size, nanoseconds of the last modification, and on Unix
/// of the last change of anything, and the inode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State([FileState; 3]);

/// Size, last modification, last change, inode.
type FileState = (u64, u64, u64, u64);

impl State {
    /// The present state; `None` where a file cannot be asked.
    fn of(directory: &Path) -> Option<Self> {
        let metadata = |name: &str| fs::metadata(directory.join(name)).ok();
        Self::of_files(&[metadata(DONE)?, metadata(JOB)?, metadata(METRICS)?])
    }

    fn of_files([done, job, metrics]: &[Metadata; 3]) -> Option<Self> {
        Some(Self([of_file(done)?, of_file(job)?, of_file(metrics)?]))
    }

    fn is_settled(&self, now: SystemTime) -> bool {
        let newest = self.0.iter().map(|&(_, modified, changed, _)| modified.max(changed)).max();
        let newest = UNIX_EPOCH + Duration::from_nanos(newest.unwrap_or(u64::MAX));
        now.duration_since(newest).is_ok_and(|age| age > SETTLED)
    }
}

fn of_file(metadata: &Metadata) -> Option<FileState> {
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    let modified = u64::try_from(modified).ok()?;
    #[cfg(unix)]
    let (changed, inode) = {
        use std::os::unix::fs::MetadataExt;
        let seconds = u64::try_from(metadata.ctime()).ok()?;
        let nanoseconds = u64::try_from(metadata.ctime_nsec()).ok()?;
        (seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)?, metadata.ino())
    };
    #[cfg(not(unix))]
    let (changed, inode) = (modified, 0);
    Some((metadata.len(), modified, changed, inode))
}

/// The path of a record below its root; `None` where it cannot be written as text.
fn relative<'a>(directory: &'a Path, root: &Path) -> Option<&'a str> {
    directory.strip_prefix(root).ok()?.to_str()
}

/// The entries in the order of their paths; none where there is no index, it is damaged, or of
/// another version: the records are read then.
fn load(root: &Path) -> Vec<Entry> {
    let Ok(text) = fs::read_to_string(root.join(INDEX)) else { return Vec::new() };
    let Some((digest, body)) = text.split_once('\n') else { return Vec::new() };
    let parse = || -> Option<Vec<Entry>> {
        body.par_lines().map(|line| serde_json::from_str(line).ok()).collect()
    };
    match rayon::join(|| sha256(body.as_bytes()) == digest, parse) {
        (true, Some(mut entries)) => {
            entries.sort_by(|a, b| a.path.cmp(&b.path));
            entries
        }
        _ => Vec::new(),
    }
}

/// Writes the index. Where the folder cannot be written the next table takes as long as this one,
/// and that is all: no error.
fn store(root: &Path, entries: &[(&str, &Read)]) {
    let parts: Vec<String> = entries.par_chunks(1024).map(lines).collect();
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    let digest = format!("{:x}", digest.finalize());
    let write = || -> io::Result<()> {
        let path = root.join(INDEX);
        let mut file = beside(&path)?;
        writeln!(file, "{digest}")?;
        parts.iter().try_for_each(|part| file.write_all(part.as_bytes()))?;
        // Not forced to the disk: half an index is not believed.
        file.persist(&path)?;
        Ok(())
    };
    let _ = write();
}

fn lines(entries: &[(&str, &Read)]) -> String {
    let mut lines = Vec::new();
    for (path, Read { state, run, metrics, .. }) in entries {
        let Some(state) = state else { continue };
        let entry = EntryRef { path, state, run, metrics };
        serde_json::to_writer(&mut lines, &entry).expect("an entry is plain data");
        lines.push(b'\n');
    }
    String::from_utf8(lines).expect("JSON is UTF-8")
}
