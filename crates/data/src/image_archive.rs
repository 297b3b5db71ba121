//! Archives of images: zip and tar, told by their content.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use isthmus_core::dataset::EncodedImage;
use isthmus_core::error::DataError;

use crate::archive::{self, Archive};
use crate::problem;
use crate::tarball::{self, Tarball};

/// Endings of archives that are read.
pub(crate) const ENDINGS: [&str; 4] = [".zip", ".tar", ".tar.gz", ".tgz"];

/// An opened archive, read from many threads.
pub(crate) enum ImageArchive {
    /// Reading an entry takes microseconds, decoding it a millisecond: one lock an archive does.
    Zip(Box<Mutex<Archive>>),
    /// Gzipped or not.
    Tar(Arc<Tarball>),
}

impl ImageArchive {
    /// Opens an archive.
    ///
    /// # Errors
    /// If it cannot be read or is of another kind; it is said of which.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let first = problem::first_bytes(path)?;
        if tarball::may_be(path, &first) {
            return Tarball::open(path).map(Self::Tar);
        }
        Ok(Self::Zip(Box::new(Mutex::new(archive::open(path)?))))
    }

    /// The names of the entries, by position.
    pub fn names(&self, path: &Path) -> Result<Vec<String>, DataError> {
        match self {
            Self::Zip(archive) => {
                archive::names(path, &archive.lock().unwrap_or_else(PoisonError::into_inner))
            }
            Self::Tar(tarball) => Ok(tarball.names().map(str::to_owned).collect()),
        }
    }

    /// The content of an entry.
    pub fn entry(&self, path: &Path, index: usize, name: &str) -> Result<Vec<u8>, DataError> {
        match self {
            Self::Zip(archive) => {
                // A panic elsewhere cannot leave the archive half read: every read seeks first.
                let mut archive = archive.lock().unwrap_or_else(PoisonError::into_inner);
                archive::entry(path, &mut archive, index, name)
            }
            Self::Tar(tarball) => tarball.entry(path, index, name),
        }
    }

    /// The same archive for another thread: zip archives are opened once more, since threads would
    /// wait for one another's reads.
    pub fn another(&self, path: &Path) -> Result<Self, DataError> {
        match self {
            Self::Zip(_) => Self::open(path),
            Self::Tar(tarball) => Ok(Self::Tar(Arc::clone(tarball))),
        }
    }
}

/// The archives that some images are in, opened.
pub(crate) struct ImageArchives(BTreeMap<Arc<Path>, ImageArchive>);

impl ImageArchives {
    /// Opens the archives of the images.
    pub fn of(images: &[EncodedImage]) -> Result<Self, DataError> {
        let mut opened = BTreeMap::new();
        for image in images {
            if let EncodedImage::ArchiveEntry { archive, .. } = image
                && !opened.contains_key(archive)
            {
                opened.insert(Arc::clone(archive), ImageArchive::open(archive)?);
            }
        }
        Ok(Self(opened))
    }

    /// An opened archive.
    pub fn get(&self, path: &Path) -> Result<&ImageArchive, DataError> {
        self.0
            .get(path)
            .ok_or_else(|| problem::file(path, "the archive was not open when it was needed"))
    }
}

/// Whether a file's name ends as that of an archive does.
pub(crate) fn is_named_so(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}
