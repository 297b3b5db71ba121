//! Files of arrays, told by their content: `.npz`, `.npy`, HDF5, MATLAB.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use isthmus_core::error::DataError;

use crate::archive::{self, Archive};
use crate::array::{Array, Header};
use crate::hdf5::{self, Hdf5};
use crate::matlab::{self, Matlab};
use crate::npy::{self, NpyHeader};
use crate::{problem, sniff};

/// An opened file of arrays.
pub(crate) struct Arrays<'a> {
    path: &'a Path,
    content: Content<'a>,
}

enum Content<'a> {
    Npz { archive: Box<Archive>, names: Vec<String> },
    Npy,
    Hdf5(Box<Hdf5<'a>>),
    Matlab(Matlab<'a>),
}

impl<'a> Arrays<'a> {
    /// Opens a file.
    ///
    /// # Errors
    /// If it cannot be read or is of another kind; it is said of which.
    pub fn open(path: &'a Path) -> Result<Self, DataError> {
        let first = problem::first_bytes(path)?;
        let content = if first.starts_with(b"\x93NUMPY") {
            Content::Npy
        } else if first.starts_with(b"\x89HDF\r\n\x1a\n") {
            Content::Hdf5(Box::new(Hdf5::open(path)?))
        } else if first.starts_with(hdf5::MATLAB_BEGINNING) {
            Content::Hdf5(Box::new(Hdf5::open_matlab(path)?))
        } else if first.starts_with(matlab::BEGINNING) {
            Content::Matlab(Matlab::open(path)?)
        } else {
            if !first.starts_with(b"PK")
                && let Some(kind) = sniff::kind_of(&first)
            {
                return Err(problem::file(
                    path,
                    format!(
                        "is {kind}; expected arrays in NumPy's .npz or .npy, in HDF5 or in \
                         MATLAB's .mat: `numpy.savez` writes the first"
                    ),
                ));
            }
            let archive = archive::open(path)?;
            let names = archive::names(path, &archive)?;
            Content::Npz { archive: Box::new(archive), names }
        };
        Ok(Self { path, content })
    }

    /// Whether it is a file of one array that has no name.
    pub fn is_single(&self) -> bool {
        matches!(self.content, Content::Npy)
    }

    /// The names of its arrays; none where it is a file of one array.
    pub fn names(&self) -> Vec<String> {
        match &self.content {
            Content::Npy => Vec::new(),
            Content::Npz { names, .. } => names
                .iter()
                .filter_map(|name| name.strip_suffix(".npy"))
                .map(str::to_owned)
                .collect(),
            Content::Hdf5(file) => file.names(),
            Content::Matlab(file) => file.names(),
        }
    }

    /// What the array `name` is; of a file of one array, that one.
    pub fn header(&mut self, name: &str) -> Result<Header, DataError> {
        let path = self.path;
        match &mut self.content {
            Content::Npy => {
                let failed = |source| problem::io("cannot read", path, source);
                let file = File::open(path).map_err(failed)?;
                let size = file.metadata().map_err(failed)?.len();
                let read = NpyHeader::read(&mut BufReader::new(file), path.display().to_string())?;
                read.check_size(size)?;
                Ok(read.header)
            }
            Content::Npz { archive, names } => {
                let (index, entry) = place_of(path, names, name)?;
                let (mut entry, size) = archive::reader(path, archive, index, &entry)?;
                let read = NpyHeader::read(&mut entry, array_place(path, name))?;
                read.check_size(size)?;
                Ok(read.header)
            }
            Content::Hdf5(file) => file.header(name),
            Content::Matlab(file) => file.header(name),
        }
    }

    /// Reads the array `name`; of a file of one array, that one.
    pub fn array(&mut self, name: &str) -> Result<Array, DataError> {
        let path = self.path;
        match &mut self.content {
            Content::Npy => npy::parse(problem::read(path)?, path.display().to_string()),
            Content::Npz { archive, names } => {
                let (index, entry) = place_of(path, names, name)?;
                let bytes = archive::entry(path, archive, index, &entry)?;
                npy::parse(bytes, array_place(path, name))
            }
            Content::Hdf5(file) => file.array(name),
            Content::Matlab(file) => file.array(name),
        }
    }
}

fn array_place(path: &Path, name: &str) -> String {
    format!("{}, array `{name}`", path.display())
}

/// The entry that holds an array.
fn place_of(path: &Path, names: &[String], name: &str) -> Result<(usize, String), DataError> {
    let entry = format!("{name}.npy");
    if let Some(index) = names.iter().position(|other| *other == entry) {
        return Ok((index, entry));
    }
    let arrays: Vec<_> = names.iter().map(|name| name.trim_end_matches(".npy")).collect();
    let hint = problem::suggestion(name, arrays.iter().copied());
    Err(problem::file(
        path,
        format!("has no array `{name}`{hint}; it has {}", problem::some_of(&arrays)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_kinds_are_named_for_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("features.npz");
        for (content, kind) in [
            (&b"1.0,2.0,3.0\n"[..], "is a text file (it begins with \"1.0,2.0,3.0\")"),
            (b"\x80\x04\x95", "is a Python pickle"),
            (b"\x1f\x8b\x08", "is a gzip file"),
            (b"", "is an empty file"),
            (b"<html>404", "is a web page"),
        ] {
            std::fs::write(&path, content).unwrap();
            let error = Arrays::open(&path).err().unwrap().to_string();
            assert!(error.contains(kind) && error.contains("numpy.savez"), "{error}");
            assert!(!error.contains("damaged"), "{error}");
        }
        std::fs::write(&path, b"PK\x03\x04").unwrap();
        let error = Arrays::open(&path).err().unwrap().to_string();
        assert!(error.contains("not a readable zip archive"), "{error}");
    }

    #[test]
    fn an_hdf5_file_that_is_cut_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("features.npz");
        std::fs::write(&path, b"\x89HDF\r\n\x1a\nrest").unwrap();
        let error = Arrays::open(&path).err().unwrap().to_string();
        assert!(error.contains("cannot be read as HDF5"), "{error}");
    }
}
