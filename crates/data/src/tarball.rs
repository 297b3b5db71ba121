//! Tar archives read by position: plain ones where they lie, gzipped ones unpacked once.
//!
//! Nothing is ever written by an entry's name: what is unpacked is one plain archive, in memory or in
//! the cache folder, and entries are read from it by their place. Links are no entries.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use flate2::read::MultiGzDecoder;
use isthmus_core::error::DataError;

use crate::archive::{self, FETCH_AGAIN, SMALLEST_SHARE};
use crate::identity::of_texts;
use crate::identity_cache::Stamp;
use crate::roots::{CACHE_VARIABLE, cache_folder};
use crate::{files, problem, sniff};

/// Most bytes of an unpacked archive that are held in memory; what is larger goes to a file.
const MOST_IN_MEMORY: u64 = 1 << 27;
/// The folder of unpacked archives below the cache.
const FOLDER: &str = "archives";

/// An opened tar archive.
#[derive(Debug)]
pub(crate) struct Tarball {
    content: Content,
    entries: Vec<Entry>,
}

#[derive(Debug)]
enum Content {
    File(Mutex<File>),
    Memory(Vec<u8>),
}

/// A file in the archive.
#[derive(Debug)]
struct Entry {
    name: String,
    start: u64,
    size: u64,
}

/// Unpacked archives that are in use, so that each is unpacked once.
static OPENED: Mutex<BTreeMap<String, Weak<Tarball>>> = Mutex::new(BTreeMap::new());

/// Whether a file that begins with these bytes may be a tar archive, gzipped or not.
pub(crate) fn may_be(path: &Path, first: &[u8]) -> bool {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    first.starts_with(&[0x1f, 0x8b]) || first.get(257..262) == Some(b"ustar") || ending == "tar"
}

impl Tarball {
    /// Opens an archive, unpacked where it is gzipped: in memory up to 128 MiB, else in a file of the
    /// cache folder, which later processes find again.
    pub fn open(path: &Path) -> Result<Arc<Self>, DataError> {
        let stamp = Stamp::of(path)?.text();
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = opened.get(&stamp).and_then(Weak::upgrade) {
            return Ok(found);
        }
        opened.retain(|_, tarball| tarball.strong_count() > 0);
        let tarball = Arc::new(Self::read(path, &stamp, &cache_folder(), MOST_IN_MEMORY)?);
        opened.insert(stamp, Arc::downgrade(&tarball));
        Ok(tarball)
    }

    fn read(path: &Path, stamp: &str, cache: &Path, most: u64) -> Result<Self, DataError> {
        let failed = |source| problem::io("cannot open", path, source);
        let mut file = File::open(path).map_err(failed)?;
        let mut first = [0; 2];
        let is_packed = file.read_exact(&mut first).is_ok() && first == [0x1f, 0x8b];
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        if !is_packed {
            return Self::of_file(path, file);
        }
        let kept = cache.join(FOLDER).join(format!("{}.tar", of_texts([stamp])));
        if let Ok(file) = File::open(&kept) {
            return Self::of_file(path, file);
        }
        let packed = file.metadata().map_err(failed)?.len();
        let mut unpacking = MultiGzDecoder::new(io::BufReader::new(file))
            .take(packed.saturating_mul(SMALLEST_SHARE));
        let mut bytes = Vec::new();
        unpacking
            .by_ref()
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(|error| archive::ends_wrongly(path, bytes.len(), &error))?;
        if (bytes.len() as u64) < most {
            bytes.shrink_to_fit();
            let entries = entries(path, &mut Cursor::new(&bytes), bytes.len() as u64)?;
            return Ok(Self { content: Content::Memory(bytes), entries });
        }
        // What is no archive is not worth a large file.
        check_header(path, &bytes)?;
        let mut whole = Cursor::new(bytes).chain(unpacking);
        files::write_from(&kept, &mut whole).map_err(|error| {
            use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
            if matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof) {
                let what = format!("cannot be unpacked ({error}): {FETCH_AGAIN}");
                return problem::file(path, what);
            }
            problem::file(
                path,
                format!(
                    "cannot be unpacked into {} ({error}): make room there, name another folder in \
                     the variable {CACHE_VARIABLE}, or unpack it yourself",
                    kept.display()
                ),
            )
        })?;
        let file = File::open(&kept).map_err(|source| problem::io("cannot open", &kept, source))?;
        Self::of_file(path, file)
    }

    fn of_file(path: &Path, mut file: File) -> Result<Self, DataError> {
        let failed = |source| problem::io("cannot read", path, source);
        let size = file.metadata().map_err(failed)?.len();
        let entries = entries(path, &mut file, size)?;
        Ok(Self { content: Content::File(Mutex::new(file)), entries })
    }

    /// The names of the files in it, by position.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// The content of a file in it.
    pub fn entry(&self, path: &Path, index: usize, name: &str) -> Result<Vec<u8>, DataError> {
        let unread = |error: &dyn std::fmt::Display| {
            problem::inside(path, name, format!("cannot be read ({error}): {FETCH_AGAIN}"))
        };
        let Entry { start, size, .. } =
            self.entries.get(index).ok_or_else(|| unread(&"it is not there any more"))?;
        // That the archive holds all of it was seen when it was opened.
        let length = usize::try_from(*size).map_err(|error| unread(&error))?;
        let mut bytes = vec![0; length];
        match &self.content {
            Content::Memory(all) => {
                let start = usize::try_from(*start).map_err(|error| unread(&error))?;
                bytes.copy_from_slice(&all[start..start + length]);
            }
            Content::File(file) => {
                // Every read seeks first, so that a panic elsewhere leaves nothing half done.
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(*start))
                    .and_then(|_| file.read_exact(&mut bytes))
                    .map_err(|error| unread(&error))?;
            }
        }
        Ok(bytes)
    }
}

/// The files of an archive of `size` bytes.
fn entries<R: Read + Seek>(
    path: &Path,
    reader: &mut R,
    size: u64,
) -> Result<Vec<Entry>, DataError> {
    let damaged = |error: io::Error| {
        problem::file(path, format!("cannot be read as a tar archive ({error}): {FETCH_AGAIN}"))
    };
    let mut archive = tar::Archive::new(reader);
    let mut found = Vec::new();
    for entry in archive.entries_with_seek().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let kind = entry.header().entry_type();
        let name = String::from_utf8_lossy(&entry.path_bytes()).replace('\\', "/");
        if kind.is_gnu_sparse() {
            return Err(problem::inside(
                path,
                problem::shown(&name),
                "is kept with gaps, which is not read; pack the archive again without `--sparse`",
            ));
        }
        let (start, length) = (entry.raw_file_position(), entry.size());
        if start.checked_add(length).is_none_or(|end| end > size) {
            return Err(problem::inside(
                path,
                problem::shown(&name),
                format!("states {length} bytes, the archive ends before: {FETCH_AGAIN}"),
            ));
        }
        if kind.is_file() || kind.is_contiguous() {
            let name = name.trim_start_matches("./").to_owned();
            found.push(Entry { name, start, size: length });
        }
    }
    if found.is_empty() {
        return Err(problem::file(path, "is a tar archive without a file"));
    }
    Ok(found)
}

/// Checks that unpacked bytes begin as a tar archive does.
fn check_header(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let mut archive = tar::Archive::new(bytes);
    let first = archive.entries().ok().and_then(|mut entries| entries.next());
    match first {
        Some(Ok(_)) => Ok(()),
        _ => {
            let kind = sniff::kind_of(bytes).unwrap_or_else(|| "something else".to_owned());
            Err(problem::file(path, format!("is gzip of {kind}; expected a tar archive in it")))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use super::*;

    /// An archive with files of these names and contents, and others that are no files.
    pub(crate) fn packed(files: &[(&str, &[u8])], gzip: bool) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let header = |kind: tar::EntryType, name: &str, size: u64, link: Option<&str>| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(size);
            // A name that `set_path` would refuse.
            let place = header.as_old_mut();
            place.name[..name.len()].copy_from_slice(name.as_bytes());
            if let Some(link) = link {
                place.linkname[..link.len()].copy_from_slice(link.as_bytes());
            }
            header.set_cksum();
            header
        };
        let link = header(tar::EntryType::Symlink, "a/link.png", 0, Some("/etc/passwd"));
        builder.append(&link, io::empty()).unwrap();
        let folder = header(tar::EntryType::Directory, "a/", 0, None);
        builder.append(&folder, io::empty()).unwrap();
        for (name, content) in files {
            let own = header(tar::EntryType::Regular, name, content.len() as u64, None);
            builder.append(&own, *content).unwrap();
        }
        let bytes = builder.into_inner().unwrap();
        if !gzip {
            return bytes;
        }
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// The archives in a cache.
    fn kept_files(cache: &Path) -> Vec<PathBuf> {
        let Ok(listed) = std::fs::read_dir(cache.join(FOLDER)) else { return Vec::new() };
        listed.map(|entry| entry.unwrap().path()).collect()
    }

    fn names(tarball: &Tarball) -> Vec<&str> {
        tarball.names().collect()
    }

    const FILES: [(&str, &[u8]); 3] =
        [("./a/1.png", b"one"), ("../../outside.png", b"two"), ("/absolute.png", b"")];

    #[test]
    fn files_are_read_by_place_and_links_are_none() {
        let folder = tempfile::tempdir().unwrap();
        for (name, gzip) in [("a.tar", false), ("a.tar.gz", true), ("a.tgz", true)] {
            let path = folder.path().join(name);
            std::fs::write(&path, packed(&FILES, gzip)).unwrap();
            let tarball = Tarball::open(&path).unwrap();
            assert_eq!(names(&tarball), ["a/1.png", "../../outside.png", "/absolute.png"]);
            let read = |index| tarball.entry(&path, index, "x").unwrap();
            assert_eq!([read(0), read(1), read(2)], [&b"one"[..], b"two", b""]);
            assert!(tarball.entry(&path, 3, "x").is_err());
            // Opened again while it is in use, it is the same.
            assert!(Arc::ptr_eq(&tarball, &Tarball::open(&path).unwrap()));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_large_one_is_unpacked_once_into_one_file_of_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let (path, cache) = (folder.path().join("a.tar.gz"), folder.path().join("cache"));
        std::fs::write(&path, packed(&FILES, true)).unwrap();
        let read = |most| Tarball::read(&path, "stamp", &cache, most);
        let tarball = read(1024).unwrap();
        assert_eq!(tarball.entry(&path, 0, "x").unwrap(), b"one");
        assert!(matches!(tarball.content, Content::File(_)));
        let kept = kept_files(&cache);
        assert_eq!(kept.len(), 1);
        assert_eq!(std::fs::read(&kept[0]).unwrap(), packed(&FILES, false));
        // Nothing else was written, whatever the entries are called.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        // The second time it is there.
        let before = std::fs::metadata(&kept[0]).unwrap().modified().unwrap();
        assert_eq!(names(&read(1024).unwrap()), names(&tarball));
        assert_eq!(std::fs::metadata(&kept[0]).unwrap().modified().unwrap(), before);
        let other = folder.path().join("other");
        assert!(matches!(
            Tarball::read(&path, "x", &other, 1 << 20).unwrap().content,
            Content::Memory(_)
        ));
        assert!(!other.exists());
    }

    #[test]
    fn what_is_no_archive_or_cut_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar.gz");
        let error = |bytes: &[u8], most: u64| {
            std::fs::write(&path, bytes).unwrap();
            let read = Tarball::read(&path, "stamp", &folder.path().join("cache"), most);
            let message = read.err().unwrap().to_string();
            assert!(kept_files(&folder.path().join("cache")).is_empty(), "{message}");
            message
        };
        let gzip = |bytes: &[u8]| {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let text = b"row,label\n".repeat(400);
        let found = error(&gzip(&text), 1024);
        assert!(
            found.contains("is gzip of a text file") && found.contains("tar archive"),
            "{found}"
        );
        let found = error(&gzip(&text), 1 << 20);
        assert!(found.contains("cannot be read as a tar archive"), "{found}");
        let whole = packed(&[("a/1.png", &[7; 5000])], false);
        let found = error(&whole[..3000], 1 << 20);
        assert!(found.contains("a/1.png") && found.contains("states 5000 bytes"), "{found}");
        let packed = packed(&FILES, true);
        for most in [1024, 1 << 20] {
            let found = error(&packed[..packed.len() - 20], most);
            assert!(found.contains("ends wrongly") || found.contains("unpacked ("), "{found}");
        }
        let found = error(&gzip(&[0; 4096]), 1 << 20);
        assert!(found.contains("without a file"), "{found}");
    }
}
