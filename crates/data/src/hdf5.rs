//! Arrays of HDF5 files, those of MATLAB 7.3 among them.
//!
//! MATLAB stores dimensions in the opposite order, texts as numbers of characters, and says in the
//! attribute `MATLAB_class` what an array is.

use std::path::Path;

use hdf5_reader::error::ByteOrder;
use hdf5_reader::{Dataset, Datatype, Hdf5File, OpenOptions};
use isthmus_core::error::DataError;

use crate::archive::{FETCH_AGAIN, SMALLEST_SHARE};
use crate::array::{Array, Element, Header};
use crate::matlab::in_rows;
use crate::problem;

/// An opened HDF5 file.
pub(crate) struct Hdf5<'a> {
    path: &'a Path,
    file: Hdf5File,
    /// What its arrays can hold at most, in bytes.
    most: u64,
    /// Whether MATLAB's rules hold.
    is_matlab: bool,
}

/// What MATLAB files of this kind begin with.
pub(crate) const MATLAB_BEGINNING: &[u8] = b"MATLAB 7.3";
/// The groups in which MATLAB keeps what cells refer to.
const MATLAB_OWN: [&str; 2] = ["#refs#", "#subsystem#"];

impl<'a> Hdf5<'a> {
    /// Opens a file.
    pub fn open(path: &'a Path) -> Result<Self, DataError> {
        // Chunks of a small file may be one page whatever is in them.
        const LEAST: u64 = 1 << 24;
        let size = std::fs::metadata(path)
            .map_err(|source| problem::io("cannot read", path, source))?
            .len();
        let most = size.saturating_mul(SMALLEST_SHARE).saturating_add(LEAST);
        let options = OpenOptions::default()
            .with_max_read_bytes(usize::try_from(most).unwrap_or(usize::MAX))
            .with_max_chunk_bytes(usize::try_from(most).unwrap_or(usize::MAX));
        let file =
            Hdf5File::open_with_options(path, options).map_err(|error| failed(path, &error))?;
        let stated = file.superblock().eof_address;
        if size < stated {
            return Err(problem::file(
                path,
                format!("has {size} bytes, its header states {stated}: {FETCH_AGAIN}"),
            ));
        }
        Ok(Self { path, file, most, is_matlab: false })
    }

    /// Opens a MATLAB file of version 7.3.
    pub fn open_matlab(path: &'a Path) -> Result<Self, DataError> {
        Ok(Self { is_matlab: true, ..Self::open(path)? })
    }

    /// What the array `name` is, such as `/train/data`.
    pub fn header(&self, name: &str) -> Result<Header, DataError> {
        self.dataset(name).and_then(|dataset| self.header_of(name, &dataset))
    }

    /// Reads the array `name`.
    pub fn array(&self, name: &str) -> Result<Array, DataError> {
        let dataset = self.dataset(name)?;
        let header = self.header_of(name, &dataset)?;
        let raw = || dataset.read_raw_bytes().map_err(|error| failed(self.path, &error));
        if self.is_matlab {
            return match self.character_shape(&dataset) {
                Some(shape) => {
                    let texts = texts_of(&raw()?, shape, &dataset).ok_or_else(|| {
                        header.fail("holds characters that are no text in UTF-16")
                    })?;
                    Ok(Array::of_texts(header, texts))
                }
                None => {
                    let bytes = in_rows(&raw()?, &header.shape, header.width);
                    Ok(Array::new(header, bytes))
                }
            };
        }
        if header.is_text() {
            let texts = dataset.read_strings().map_err(|error| failed(self.path, &error))?;
            return Ok(Array::of_texts(header, texts));
        }
        Ok(Array::new(header, raw()?))
    }

    fn dataset(&self, name: &str) -> Result<Dataset, DataError> {
        self.file.dataset(name).map_err(|error| match cause(&error) {
            hdf5_reader::error::Error::DatasetNotFound(_)
            | hdf5_reader::error::Error::GroupNotFound(_) => {
                let names = self.names();
                let hint = problem::suggestion(name, names.iter().map(String::as_str));
                problem::file(
                    self.path,
                    format!("has no array `{name}`{hint}; it has {}", problem::some_of(&names)),
                )
            }
            _ => failed(self.path, &error),
        })
    }

    /// The arrays of the file and of the groups at its root.
    pub fn names(&self) -> Vec<String> {
        let Ok(root) = self.file.root_group() else { return Vec::new() };
        let Ok((groups, mut names)) = root.member_names() else { return Vec::new() };
        for group in groups.into_iter().filter(|group| !MATLAB_OWN.contains(&group.as_str())) {
            if let Ok((_, inside)) = root.group(&group).and_then(|group| group.member_names()) {
                names.extend(inside.into_iter().map(|name| format!("{group}/{name}")));
            }
        }
        names
    }

    fn header_of(&self, name: &str, dataset: &Dataset) -> Result<Header, DataError> {
        let place = format!("{}, {name}", self.path.display());
        let fail = |problem: String| DataError::File { file: place.clone(), problem };
        if self.is_matlab {
            if self.character_shape(dataset).is_some_and(|[_, length]| length == 0)
                || dataset.attribute("MATLAB_empty").is_ok()
            {
                return Err(fail("is empty".to_owned()));
            }
            if let Some([rows, _]) = self.character_shape(dataset) {
                let shape = vec![rows];
                return Ok(Header {
                    place,
                    shape,
                    element: Element::Text,
                    width: 0,
                    big_endian: false,
                });
            }
            if self.matlab_class(dataset).as_deref() == Some("cell") {
                return Err(fail(
                    "is a cell array; expected an array of numbers or of characters: `char(labels)` \
                     makes one of a cell array of texts"
                        .to_owned(),
                ));
            }
        }
        let (element, width, big_endian) = element(dataset.dtype()).ok_or_else(|| {
            fail(format!(
                "has elements of the HDF5 type {:?}; expected floats, integers or texts",
                dataset.dtype()
            ))
        })?;
        let mut shape: Vec<usize> = dataset
            .shape()
            .iter()
            .map(|&size| usize::try_from(size).ok())
            .collect::<Option<_>>()
            .ok_or_else(|| fail(format!("its shape {:?} is impossible", dataset.shape())))?;
        let bytes = shape.iter().try_fold(width.max(1), |all, &size| all.checked_mul(size));
        if bytes.is_none_or(|bytes| bytes as u64 > self.most) {
            return Err(fail(format!(
                "its shape {shape:?} is more than the file can hold: {FETCH_AGAIN}"
            )));
        }
        if self.is_matlab {
            shape.reverse();
        }
        Ok(Header { place, shape, element, width, big_endian })
    }

    /// What MATLAB calls the class of an array.
    fn matlab_class(&self, dataset: &Dataset) -> Option<String> {
        dataset.attribute("MATLAB_class").ok()?.read_string().ok()
    }

    /// Rows and characters of a row, where an array is MATLAB's of characters.
    fn character_shape(&self, dataset: &Dataset) -> Option<[usize; 2]> {
        let is_text = self.is_matlab && self.matlab_class(dataset).as_deref() == Some("char");
        match *dataset.shape() {
            [length, rows] if is_text => {
                Some([usize::try_from(rows).ok()?, usize::try_from(length).ok()?])
            }
            _ => None,
        }
    }
}

/// The rows of an array of characters, which are numbers in UTF-16, column by column.
fn texts_of(bytes: &[u8], [rows, length]: [usize; 2], dataset: &Dataset) -> Option<Vec<String>> {
    let (_, width, big_endian) = element(dataset.dtype())?;
    if width != 2 || bytes.len() != rows.checked_mul(length)?.checked_mul(2)? {
        return None;
    }
    let in_order = in_rows(bytes, &[rows, length], 2);
    let unit = |pair: &[u8]| {
        let pair = [pair[0], pair[1]];
        if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
    };
    in_order
        .chunks_exact(2 * length)
        .map(|row| {
            let units: Vec<u16> = row.chunks_exact(2).map(unit).collect();
            String::from_utf16(&units).ok().map(|text| text.trim_end().to_owned())
        })
        .collect()
}

/// What the elements are, how wide they are, and whether their largest byte is the first.
fn element(datatype: &Datatype) -> Option<(Element, usize, bool)> {
    let is_big = |order: &ByteOrder| *order == ByteOrder::BigEndian;
    Some(match datatype {
        Datatype::FixedPoint { size, signed, byte_order } if matches!(size, 1 | 2 | 4 | 8) => {
            let element = if *signed { Element::Signed } else { Element::Unsigned };
            (element, usize::from(*size), is_big(byte_order))
        }
        Datatype::FloatingPoint { size, byte_order } if matches!(size, 2 | 4 | 8) => {
            (Element::Float, usize::from(*size), is_big(byte_order))
        }
        // Truth values are an enumeration of FALSE and TRUE.
        Datatype::Enum { base, members } => {
            let (number, width, big_endian) = element(base)?;
            let is_bool = members.len() == 2 && members.iter().any(|it| it.name == "TRUE");
            (if is_bool { Element::Bool } else { number }, width, big_endian)
        }
        Datatype::String { .. } | Datatype::VarLen { .. } => (Element::Text, 0, false),
        _ => return None,
    })
}

/// The error inside those that only add a place.
fn cause(error: &hdf5_reader::error::Error) -> &hdf5_reader::error::Error {
    match error {
        hdf5_reader::error::Error::Context { source, .. } => cause(source),
        other => other,
    }
}

/// What a failure of the HDF5 library tells: files that are whole are not called damaged.
fn failed(path: &Path, error: &hdf5_reader::error::Error) -> DataError {
    use hdf5_reader::error::Error;
    let advice = match cause(error) {
        Error::UnsupportedFilter(_)
        | Error::UnsupportedEncoding(_)
        | Error::TypeMismatch { .. } => {
            "write it again with other settings, such as `compression=\"gzip\"` of h5py"
        }
        _ => FETCH_AGAIN,
    };
    problem::file(path, format!("cannot be read as HDF5 ({error}): {advice}"))
}
