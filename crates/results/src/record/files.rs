//! Files that appear complete or not at all, and the marker that says what they hold.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::error::RecordError;

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// The bytes of a file, and what was known of it before they were read. Tables read many small
/// files: the length is asked for once, and the end is not looked for behind it.
pub(super) fn read(path: &Path) -> io::Result<(Vec<u8>, Metadata)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.take(metadata.len()).read_to_end(&mut bytes)?;
    Ok((bytes, metadata))
}

/// How the names of files begin and end that are not whole yet.
const TEMPORARY: (&str, &str) = (".", ".tmp");

/// Whether a file is one that was being written.
pub(super) fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1))
}

/// A file that nothing was written to for this long is no longer being written.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Removes files that processes were writing when they were killed, from a folder that others
/// may be writing to.
pub(super) fn remove_abandoned(folder: &Path) -> Result<(), RecordError> {
    let now = SystemTime::now();
    let entries = fs::read_dir(folder).map_err(RecordError::io("cannot read", folder))?;
    for entry in entries {
        let path = entry.map_err(RecordError::io("cannot read", folder))?.path();
        let abandoned = || {
            let written = fs::metadata(&path).and_then(|file| file.modified()).ok();
            written.and_then(|time| now.duration_since(time).ok()).is_some_and(|it| it > ABANDONED)
        };
        if is_temporary(&path) && abandoned() {
            match fs::remove_file(&path) {
                // Another process may have removed it.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(RecordError::io("cannot remove", &path)(error));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Writes `path` beside and renames it; returns the SHA-256 of what was written. If anything
/// fails, what was at `path` before is untouched and nothing is left beside it.
pub(crate) fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<String, RecordError> {
    let attempt = || -> io::Result<String> {
        let mut file = beside(path)?;
        let mut hashing =
            Hashing { inner: BufWriter::new(file.as_file_mut()), hasher: Sha256::new() };
        write(&mut hashing)?;
        hashing.flush()?;
        let digest = format!("{:x}", hashing.hasher.finalize_reset());
        drop(hashing);
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(digest)
    };
    attempt().map_err(RecordError::io("cannot write", path))
}

/// A file beside `path`, to be renamed to it.
pub(super) fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY.0).suffix(TEMPORARY.1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are private by default; results are for colleagues to read, within the
        // user's umask.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

struct Hashing<W> {
    inner: W,
    hasher: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The text of the `done` marker: lines that `sha256sum --check` understands.
pub(super) fn marker(digests: &BTreeMap<String, String>) -> String {
    digests.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect()
}

/// Reads a marker back: SHA-256 by file name.
pub(super) fn parse_marker(
    file: &Path,
    text: &str,
) -> Result<BTreeMap<String, String>, RecordError> {
    text.lines()
        .enumerate()
        .map(|(index, line)| match line.split_once("  ") {
            Some((digest, name)) if digest.len() == 64 => Ok((name.to_owned(), digest.to_owned())),
            _ => Err(RecordError::damaged(
                file,
                format!("line {} is `{line}`, expected a SHA-256 and a file name", index + 1),
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        std::fs::write(&path, "earlier").unwrap();
        let error = write_atomically(&path, |file| {
            file.write_all(b"half of it")?;
            Err(io::ErrorKind::StorageFull.into())
        })
        .unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write {}: no storage space", path.display()));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "earlier");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_digest_is_that_of_the_written_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let digest = write_atomically(&path, |file| file.write_all(b"abc")).unwrap();
        assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    }

    #[test]
    fn a_marker_reads_back_and_a_cut_one_is_refused() {
        let digests = BTreeMap::from([("job.json".to_owned(), sha256(b"x"))]);
        let text = marker(&digests);
        let file = Path::new("done");
        assert_eq!(parse_marker(file, &text).unwrap(), digests);
        assert!(matches!(parse_marker(file, &text[..40]), Err(RecordError::Damaged { .. })));
    }
}
