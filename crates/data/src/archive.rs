//! Compressed files: zip archives and gzip streams, with errors that say what to do.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use isthmus_core::error::DataError;
use zip::ZipArchive;

use crate::problem;

/// An opened zip archive.
pub(crate) type Archive = ZipArchive<BufReader<File>>;

/// What to do about a file that is cut short or damaged.
pub(crate) const FETCH_AGAIN: &str = "it is damaged or cut short; fetch it again";

/// Opens a zip archive.
pub(crate) fn open(path: &Path) -> Result<Archive, DataError> {
    let file = File::open(path).map_err(|source| problem::io("cannot open", path, source))?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| {
        problem::file(path, format!("not a readable zip archive ({error}): {FETCH_AGAIN}"))
    })
}

/// The names of the entries, by position.
pub(crate) fn names(path: &Path, archive: &Archive) -> Result<Vec<String>, DataError> {
    archive
        .file_names()
        .map(|name| {
            name.map(|name| name.replace('\\', "/")).map_err(|error| {
                problem::file(path, format!("an entry's name cannot be read: {error}"))
            })
        })
        .collect()
}

/// The content of an entry, its checksum verified.
pub(crate) fn entry(
    path: &Path,
    archive: &mut Archive,
    index: usize,
    name: &str,
) -> Result<Vec<u8>, DataError> {
    // The size in the archive may be damaged; it only bounds what is reserved at first.
    const FIRST_RESERVE: u64 = 1 << 24;
    let damaged = |error: String| {
        problem::inside(path, name, format!("cannot be unpacked ({error}): {FETCH_AGAIN}"))
    };
    let mut entry = archive.by_index(index).map_err(|error| damaged(error.to_string()))?;
    let mut bytes = Vec::with_capacity(entry.size().min(FIRST_RESERVE) as usize);
    entry.read_to_end(&mut bytes).map_err(|error| damaged(error.to_string()))?;
    Ok(bytes)
}

/// The content of a file, unpacked where it is gzip.
pub(crate) fn read_unpacked(path: &Path) -> Result<Vec<u8>, DataError> {
    let bytes = problem::read(path)?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    unpack(&bytes).map_err(|(got, error)| {
        problem::file(
            path,
            format!("gzip data ends wrongly after {got} bytes ({error}): {FETCH_AGAIN}"),
        )
    })
}

/// Unpacks gzip data, or says how many bytes came out before it failed.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Vec<u8>, (usize, std::io::Error)> {
    let mut unpacked = Vec::new();
    match MultiGzDecoder::new(bytes).read_to_end(&mut unpacked) {
        Ok(_) => Ok(unpacked),
        Err(error) => Err((unpacked.len(), error)),
    }
}
