//! Files of a folder or an archive, by their paths.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use isthmus_core::error::DataError;

use crate::archive::{self, FETCH_AGAIN};
use crate::fingerprint::collect;
use crate::problem;

/// A file whose content is read or can be.
pub(crate) struct PackedFile {
    /// Its path below the folder or in the archive, parts separated by `/`.
    pub name: String,
    content: Content,
}

enum Content {
    OfFile(PathBuf),
    Read(Vec<u8>),
}

impl PackedFile {
    /// Its bytes.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn bytes(&self) -> Result<std::borrow::Cow<'_, [u8]>, DataError> {
        Ok(match &self.content {
            Content::OfFile(path) => problem::read(path)?.into(),
            Content::Read(bytes) => bytes.into(),
        })
    }
}

/// The files whose names are wanted, in the order of their names: of a folder and the folders below
/// it, or of a `.tar`, `.tar.gz` or `.zip` archive. Names with a part that begins with a dot are
/// passed over.
///
/// # Errors
/// If the folder cannot be listed, or the archive is damaged.
pub(crate) fn files(
    path: &Path,
    wanted: &mut dyn FnMut(&str) -> bool,
) -> Result<Vec<PackedFile>, DataError> {
    let mut wanted = |name: &str| {
        let hidden = |part: &str| part.starts_with('.') || part == "__MACOSX";
        !name.trim_start_matches("./").split('/').any(hidden) && wanted(name)
    };
    let mut found = if path.is_dir() {
        of_folder(path, &mut wanted)?
    } else if problem::first_bytes(path)?.starts_with(b"PK") {
        of_zip(path, &mut wanted)?
    } else {
        of_tar(path, &mut wanted)?
    };
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn of_folder(
    path: &Path,
    wanted: &mut dyn FnMut(&str) -> bool,
) -> Result<Vec<PackedFile>, DataError> {
    let mut paths = Vec::new();
    collect(path, &mut paths)?;
    paths.sort();
    let file = |at: PathBuf| {
        let name = at.strip_prefix(path).unwrap_or(&at).to_string_lossy().replace('\\', "/");
        wanted(&name).then_some(PackedFile { name, content: Content::OfFile(at) })
    };
    Ok(paths.into_iter().filter_map(file).collect())
}

fn of_zip(path: &Path, wanted: &mut dyn FnMut(&str) -> bool) -> Result<Vec<PackedFile>, DataError> {
    let mut archive = archive::open(path)?;
    let names = archive::names(path, &archive)?;
    let mut found = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        if !name.ends_with('/') && wanted(&name) {
            let bytes = archive::entry(path, &mut archive, index, &name)?;
            found.push(PackedFile { name, content: Content::Read(bytes) });
        }
    }
    Ok(found)
}

fn of_tar(path: &Path, wanted: &mut dyn FnMut(&str) -> bool) -> Result<Vec<PackedFile>, DataError> {
    let damaged = |error: std::io::Error| {
        problem::file(path, format!("cannot be unpacked ({error}): {FETCH_AGAIN}"))
    };
    // Every tar archive has whole blocks; what has none is something else.
    let mut first = [0; BLOCK];
    if let Err(error) = archive::unpacking(path)?.read_exact(&mut first) {
        let kind = crate::sniff::kind_of(&problem::first_bytes(path)?);
        return Err(match kind {
            Some(kind) if kind != "a gzip file" => {
                problem::file(path, format!("is {kind}; expected a folder, `.tar.gz` or `.zip`"))
            }
            _ => damaged(error),
        });
    }
    let mut unpacked = Ending { reader: archive::unpacking(path)?, last: Vec::new() };
    let mut archive = tar::Archive::new(&mut unpacked);
    let mut found = Vec::new();
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path().map_err(damaged)?.to_string_lossy().replace('\\', "/");
        if wanted(&name) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(damaged)?;
            found.push(PackedFile { name, content: Content::Read(bytes) });
        }
    }
    std::io::copy(&mut unpacked, &mut std::io::sink()).map_err(damaged)?;
    // An archive that is cut between two files ends like a whole one, but for its empty blocks.
    if unpacked.last.len() < BLOCK || unpacked.last.iter().any(|byte| *byte != 0) {
        return Err(problem::file(path, format!("ends before its end: {FETCH_AGAIN}")));
    }
    Ok(found)
}

/// Bytes of a block of a tar archive.
const BLOCK: usize = 512;

/// Keeps the last block that was read.
struct Ending<R> {
    reader: R,
    last: Vec<u8>,
}

impl<R: std::io::Read> std::io::Read for Ending<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.last.extend_from_slice(&buffer[count.saturating_sub(BLOCK)..count]);
        let surplus = self.last.len().saturating_sub(BLOCK);
        self.last.drain(..surplus);
        Ok(count)
    }
}

/// Packs files into a `.tar.gz`, for tests.
#[cfg(test)]
pub(crate) fn write_tar_gz(path: &Path, files: &[(&str, &[u8])]) {
    let file = std::fs::File::create(path).unwrap();
    let packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    let mut archive = tar::Builder::new(packed);
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *bytes).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap();
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use zip::write::SimpleFileOptions;

    use super::*;

    const FILES: [(&str, &[u8]); 5] = [
        ("b/2.wav", b"two"),
        ("a/1.wav", b"one"),
        (".hidden/3.wav", b"no"),
        ("a/._1.wav", b"no"),
        ("a/notes.txt", b"text"),
    ];

    fn read(path: &Path) -> Vec<(String, Vec<u8>)> {
        let found = files(path, &mut |name| name.ends_with(".wav")).unwrap();
        found.iter().map(|it| (it.name.clone(), it.bytes().unwrap().into_owned())).collect()
    }

    #[test]
    fn folders_and_archives_give_the_same_files() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        for (name, bytes) in FILES {
            let path = tree.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let tar_gz = folder.path().join("all.tar.gz");
        write_tar_gz(&tar_gz, &FILES);
        let tar = folder.path().join("all.tar");
        std::fs::write(&tar, archive::read_unpacked(&tar_gz).unwrap()).unwrap();
        let zip = folder.path().join("all.zip");
        let mut writer = zip::ZipWriter::new(File::create(&zip).unwrap());
        for (name, bytes) in FILES {
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap();
        let expected =
            [("a/1.wav".to_owned(), b"one".to_vec()), ("b/2.wav".to_owned(), b"two".to_vec())];
        for path in [&tree, &tar_gz, &tar, &zip] {
            assert_eq!(read(path), expected, "{}", path.display());
        }
        for (path, what) in [(&tar_gz, "fetch it again"), (&tar, "fetch it again"), (&zip, "again")]
        {
            let whole = std::fs::read(path).unwrap();
            std::fs::write(path, &whole[..whole.len() / 2]).unwrap();
            let error = files(path, &mut |_| true).err().unwrap().to_string();
            assert!(error.contains(what), "{}: {error}", path.display());
        }
        let text = folder.path().join("notes.txt");
        std::fs::write(&text, "hello").unwrap();
        let error = files(&text, &mut |_| true).err().unwrap().to_string();
        assert!(error.contains("is a text file") && error.contains(".tar.gz"), "{error}");
    }
}
