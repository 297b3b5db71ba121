//! Compressed files: zip archives and gzip streams, with errors that say what to do.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use isthmus_core::error::DataError;
use zip::{CompressionMethod, ZipArchive};

use crate::{problem, sniff};

/// An opened zip archive.
pub(crate) type Archive = ZipArchive<BufReader<File>>;

/// What to do about a file that is cut short or damaged.
pub(crate) const FETCH_AGAIN: &str = "it is damaged or cut short; fetch it again";

/// Deflate makes nothing smaller than this: what claims more is no honest archive.
pub(crate) const SMALLEST_SHARE: u64 = 1100;

/// Opens a zip archive.
pub(crate) fn open(path: &Path) -> Result<Archive, DataError> {
    let file = File::open(path).map_err(|source| problem::io("cannot open", path, source))?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| {
        let first = problem::first_bytes(path).unwrap_or_default();
        match sniff::kind_of(&first) {
            Some(kind) if !first.starts_with(b"PK") => {
                problem::file(path, format!("is {kind}; expected a zip archive"))
            }
            _ => {
                problem::file(path, format!("not a readable zip archive ({error}): {FETCH_AGAIN}"))
            }
        }
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
    let (mut entry, size) = reader(path, archive, index, name)?;
    let mut bytes = Vec::with_capacity(size.min(FIRST_RESERVE) as usize);
    entry
        .by_ref()
        .take(size.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| damaged(path, name, &error))?;
    if bytes.len() as u64 != size {
        return Err(damaged(path, name, &format!("it is not of the {size} bytes that it states")));
    }
    Ok(bytes)
}

/// An entry that is unpacked while it is read, and the size that it states.
pub(crate) fn reader<'a>(
    path: &Path,
    archive: &'a mut Archive,
    index: usize,
    name: &str,
) -> Result<(impl Read + use<'a>, u64), DataError> {
    let raw = archive.by_index_raw(index).map_err(|error| damaged(path, name, &error))?;
    let (packed, size, encrypted) = (raw.compressed_size(), raw.size(), raw.encrypted());
    let method = raw.compression();
    drop(raw);
    if encrypted {
        return Err(problem::inside(
            path,
            name,
            "is encrypted; unpack the archive with its password and pack it again without",
        ));
    }
    if !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(problem::inside(
            path,
            name,
            format!(
                "is packed with {}, which is not read; pack it again as plain zip (deflate)",
                method_name(method)
            ),
        ));
    }
    if size / SMALLEST_SHARE > packed {
        return Err(problem::inside(
            path,
            name,
            format!(
                "states {size} bytes, more than its {packed} packed bytes can hold: {FETCH_AGAIN}"
            ),
        ));
    }
    let entry = archive.by_index(index).map_err(|error| damaged(path, name, &error))?;
    Ok((entry, size))
}

fn damaged(path: &Path, name: &str, error: &dyn std::fmt::Display) -> DataError {
    problem::inside(path, name, format!("cannot be unpacked ({error}): {FETCH_AGAIN}"))
}

/// The names of the ways to pack that the zip format knows.
fn method_name(method: CompressionMethod) -> String {
    #[expect(deprecated, reason = "there is no other way to tell them")]
    let number = method.to_u16();
    match number {
        9 => "deflate64".to_owned(),
        12 => "bzip2".to_owned(),
        14 => "LZMA".to_owned(),
        93 => "zstd".to_owned(),
        95 => "xz".to_owned(),
        98 => "PPMd".to_owned(),
        99 => "AES encryption".to_owned(),
        other => format!("method {other}"),
    }
}

/// Reads a file, unpacked where it is gzip, piece by piece.
pub(crate) fn unpacking(path: &Path) -> Result<Box<dyn Read>, DataError> {
    let file = File::open(path).map_err(|source| problem::io("cannot open", path, source))?;
    let first = problem::first_bytes(path)?;
    let file = BufReader::new(file);
    Ok(if first.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    })
}

/// The content of a file, unpacked where it is gzip.
pub(crate) fn read_unpacked(path: &Path) -> Result<Vec<u8>, DataError> {
    let bytes = problem::read(path)?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    unpack(&bytes).map_err(|(got, error)| ends_wrongly(path, got, &error))
}

/// What is said of gzip data that ends before its end.
pub(crate) fn ends_wrongly(path: &Path, got: usize, error: &std::io::Error) -> DataError {
    problem::file(
        path,
        format!("gzip data ends wrongly after {got} bytes ({error}): {FETCH_AGAIN}"),
    )
}

/// Unpacks gzip data, or says how many bytes came out before it failed.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Vec<u8>, (usize, std::io::Error)> {
    let mut unpacked = Vec::new();
    match MultiGzDecoder::new(bytes).read_to_end(&mut unpacked) {
        Ok(_) => Ok(unpacked),
        Err(error) => Err((unpacked.len(), error)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;

    use super::*;

    /// An archive of one entry of zeros, its bytes changed by `change`.
    fn error_of(change: impl FnOnce(&mut Vec<u8>)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
        writer.start_file("x", SimpleFileOptions::default()).unwrap();
        writer.write_all(&[0; 1000]).unwrap();
        writer.finish().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        let read = open(&path).and_then(|mut archive| entry(&path, &mut archive, 0, "x"));
        read.err().unwrap().to_string()
    }

    /// The place of the entry in the list at the archive's end.
    fn listed(bytes: &[u8]) -> usize {
        bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap()
    }

    #[test]
    fn other_ways_to_pack_are_named_and_called_whole() {
        for (number, name) in [(12, "bzip2"), (14, "LZMA"), (93, "zstd"), (9, "deflate64")] {
            let error = error_of(|bytes| {
                let at = listed(bytes) + 10;
                bytes[at] = number;
                bytes[8] = number;
            });
            assert!(error.contains(&format!("is packed with {name}")), "{error}");
            assert!(error.contains("plain zip") && !error.contains("damaged"), "{error}");
        }
        let error = error_of(|bytes| {
            let at = listed(bytes) + 8;
            bytes[at] |= 1;
            bytes[6] |= 1;
        });
        assert!(error.contains("is encrypted"), "{error}");
    }

    #[test]
    fn a_size_that_cannot_be_is_refused_before_anything_is_reserved() {
        let error = error_of(|bytes| {
            let at = listed(bytes) + 24;
            bytes[at..at + 4].copy_from_slice(&0xfff0_0000u32.to_le_bytes());
        });
        assert!(error.contains("states 4293918720 bytes, more than"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_archive_is_named_for_what_it_is() {
        let error = error_of(|bytes| *bytes = b"row,label\n1,2\n".to_vec());
        assert!(error.contains("is a text file (it begins with \"row,label\")"), "{error}");
        assert!(!error.contains("damaged"), "{error}");
        let error = error_of(|bytes| bytes.truncate(bytes.len() / 2));
        assert!(error.contains("damaged or cut short"), "{error}");
    }
}
