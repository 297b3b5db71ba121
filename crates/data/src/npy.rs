//! NumPy arrays: the `.npy` format, versions 1 to 3, and `.npz` archives of them.

use std::path::Path;

use burn::tensor::f16;
use isthmus_core::error::DataError;

use crate::archive::{self, Archive, FETCH_AGAIN};
use crate::problem;

/// What the numbers of an array are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Float,
    Signed,
    Unsigned,
    Bool,
}

/// An array of numbers, in C order, its numbers still as bytes.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    /// Where it is from, for messages: the file and the name in it.
    pub place: String,
    /// Its shape.
    pub shape: Vec<usize>,
    number: Number,
    width: usize,
    big_endian: bool,
    bytes: Vec<u8>,
}

impl Array {
    /// Reads a `.npy` file.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        Self::parse(&problem::read(path)?, path.display().to_string())
    }

    /// Reads the content of a `.npy` file.
    pub fn parse(bytes: &[u8], place: String) -> Result<Self, DataError> {
        let fail = |problem: String| DataError::File { file: place.clone(), problem };
        let (header, data) = split_header(bytes).ok_or_else(|| {
            fail(format!("not a NumPy array (its header cannot be read): {FETCH_AGAIN}"))
        })?;
        let descr = field(header, "descr")
            .and_then(quoted)
            .ok_or_else(|| fail("an array of records; expected plain numbers".to_owned()))?;
        let (number, width, big_endian) = number(descr).ok_or_else(|| {
            fail(format!("has numbers of type `{descr}`; expected floats (f2, f4, f8) or integers"))
        })?;
        let fortran = field(header, "fortran_order").is_some_and(|text| text.starts_with("True"));
        let shape = field(header, "shape")
            .and_then(shape)
            .ok_or_else(|| fail(format!("its shape cannot be read: {FETCH_AGAIN}")))?;
        let expected = shape
            .iter()
            .try_fold(width, |product, &size| product.checked_mul(size))
            .ok_or_else(|| fail(format!("its shape {shape:?} is impossible: {FETCH_AGAIN}")))?;
        if data.len() < expected {
            return Err(fail(format!(
                "holds {} bytes of numbers, its shape {shape:?} of `{descr}` needs {expected}: \
                 {FETCH_AGAIN}",
                data.len()
            )));
        }
        let mut bytes = data[..expected].to_vec();
        if fortran && shape.len() > 1 {
            bytes = from_fortran_order(&bytes, &shape, width);
        }
        Ok(Self { place, shape, number, width, big_endian, bytes })
    }

    /// The numbers, if they are floats.
    pub fn floats(&self) -> Result<Vec<f32>, DataError> {
        let chunks = self.bytes.chunks_exact(self.width);
        Ok(match (self.number, self.width) {
            (Number::Float, 2) => {
                chunks.map(|b| f16::from_bits(self.unsigned(b) as u16).to_f32()).collect()
            }
            (Number::Float, 4) => chunks.map(|b| f32::from_bits(self.unsigned(b) as u32)).collect(),
            (Number::Float, 8) => chunks.map(|b| f64::from_bits(self.unsigned(b)) as f32).collect(),
            _ => {
                return Err(DataError::File {
                    file: self.place.clone(),
                    problem: "holds integers; expected floats (f2, f4 or f8)".to_owned(),
                });
            }
        })
    }

    /// The numbers, if they are integers.
    pub fn integers(&self) -> Result<Vec<i64>, DataError> {
        let chunks = self.bytes.chunks_exact(self.width);
        let unused = 64 - 8 * self.width as u32;
        match self.number {
            Number::Signed => {
                Ok(chunks.map(|b| ((self.unsigned(b) << unused) as i64) >> unused).collect())
            }
            Number::Unsigned => chunks
                .map(|b| {
                    i64::try_from(self.unsigned(b)).map_err(|_| DataError::File {
                        file: self.place.clone(),
                        problem: "holds an integer beyond the range of i64".to_owned(),
                    })
                })
                .collect(),
            Number::Float | Number::Bool => Err(DataError::File {
                file: self.place.clone(),
                problem: "holds no integers; labels are expected as integers".to_owned(),
            }),
        }
    }

    /// The numbers, if they are bytes.
    pub fn into_bytes(self) -> Result<Vec<u8>, DataError> {
        if self.number == Number::Unsigned && self.width == 1 {
            Ok(self.bytes)
        } else {
            Err(DataError::File {
                file: self.place,
                problem: "images are expected as unsigned bytes (uint8)".to_owned(),
            })
        }
    }

    fn unsigned(&self, bytes: &[u8]) -> u64 {
        let shift = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
        if self.big_endian {
            bytes.iter().fold(0, shift)
        } else {
            bytes.iter().rev().fold(0, shift)
        }
    }
}

/// Labels as classes: integers from `first` on.
pub(crate) fn labels(array: &Array, first: i64, rows: usize) -> Result<Vec<u32>, DataError> {
    let fail = |problem: String| DataError::File { file: array.place.clone(), problem };
    // One column is as good as a vector.
    if array.shape.iter().filter(|&&size| size != 1).count() > 1 {
        return Err(fail(format!("labels have shape {:?}; expected [rows]", array.shape)));
    }
    let values = array.integers()?;
    if values.len() != rows {
        return Err(fail(format!(
            "has {} labels for {rows} samples; both must be of one length",
            values.len()
        )));
    }
    values
        .iter()
        .enumerate()
        .map(|(row, &value)| {
            u32::try_from(value.saturating_sub(first)).map_err(|_| {
                fail(format!(
                    "row {row}: label {value} is not a class number from {first} on; set \
                     `first_label` to the smallest label"
                ))
            })
        })
        .collect()
}

/// Reads named arrays of a `.npz` file.
pub(crate) struct Npz<'a> {
    path: &'a Path,
    archive: Archive,
    names: Vec<String>,
}

impl<'a> Npz<'a> {
    /// Opens the file.
    pub fn open(path: &'a Path) -> Result<Self, DataError> {
        let archive = archive::open(path)?;
        let names = archive::names(path, &archive)?;
        Ok(Self { path, archive, names })
    }

    /// Reads the array `name`.
    pub fn array(&mut self, name: &str) -> Result<Array, DataError> {
        let entry = format!("{name}.npy");
        let Some(index) = self.names.iter().position(|other| *other == entry) else {
            let arrays: Vec<_> =
                self.names.iter().map(|name| name.trim_end_matches(".npy")).collect();
            let hint = problem::suggestion(name, arrays.iter().copied());
            return Err(problem::file(
                self.path,
                format!("has no array `{name}`{hint}; it has {}", arrays.join(", ")),
            ));
        };
        let bytes = archive::entry(self.path, &mut self.archive, index, &entry)?;
        Array::parse(&bytes, format!("{}, array `{name}`", self.path.display()))
    }
}

fn split_header(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (&[major, _minor], rest) = rest.split_first_chunk::<2>()?;
    let (length, rest) = if major == 1 {
        let (length, rest) = rest.split_first_chunk::<2>()?;
        (usize::from(u16::from_le_bytes(*length)), rest)
    } else {
        let (length, rest) = rest.split_first_chunk::<4>()?;
        (usize::try_from(u32::from_le_bytes(*length)).ok()?, rest)
    };
    let (header, data) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(header).ok()?, data))
}

/// The text after `'name':` in the header's dictionary.
fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let at = header.find(&format!("'{name}'"))?;
    let after = header[at..].split_once(':')?.1;
    Some(after.trim_start())
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?.split_once('\'').map(|(inside, _)| inside)
}

fn number(descr: &str) -> Option<(Number, usize, bool)> {
    let order = descr.chars().next()?;
    let kind = descr.get(1..2)?;
    let width: usize = descr.get(2..)?.parse().ok()?;
    let number = match kind {
        "f" if matches!(width, 2 | 4 | 8) => Number::Float,
        "i" if matches!(width, 1 | 2 | 4 | 8) => Number::Signed,
        "u" if matches!(width, 1 | 2 | 4 | 8) => Number::Unsigned,
        "b" if width == 1 => Number::Bool,
        _ => return None,
    };
    match order {
        '<' | '|' => Some((number, width, false)),
        '>' => Some((number, width, true)),
        _ => None,
    }
}

fn shape(text: &str) -> Option<Vec<usize>> {
    let inside = text.strip_prefix('(')?.split_once(')')?.0;
    inside
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty())
        .map(|size| size.parse().ok())
        .collect()
}

fn from_fortran_order(bytes: &[u8], shape: &[usize], width: usize) -> Vec<u8> {
    let mut strides = vec![1; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let mut ordered = Vec::with_capacity(bytes.len());
    let mut index = vec![0; shape.len()];
    for _ in 0..bytes.len() / width {
        let at: usize = index.iter().zip(&strides).map(|(i, stride)| i * stride).sum();
        ordered.extend_from_slice(&bytes[at * width..(at + 1) * width]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    ordered
}

/// A `.npy` file's content, for tests.
#[cfg(test)]
pub(crate) fn encode(descr: &str, shape: &[usize], fortran: bool, data: &[u8]) -> Vec<u8> {
    let sizes: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let order = if fortran { "True" } else { "False" };
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({sizes}), }}");
    while !(header.len() + 11).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(descr: &str, shape: &[usize], fortran: bool, data: &[u8]) -> Array {
        Array::parse(&encode(descr, shape, fortran, data), "a.npy".to_owned()).unwrap()
    }

    #[test]
    fn floats_of_every_width_and_byte_order() {
        let values = [1.5f32, -2.0, 0.25];
        let f2: Vec<u8> =
            values.iter().flat_map(|&v| f16::from_f32(v).to_bits().to_le_bytes()).collect();
        let f4: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
        let f8: Vec<u8> = values.iter().flat_map(|&v| f64::from(v).to_le_bytes()).collect();
        assert_eq!(parse("<f2", &[3], false, &f2).floats().unwrap(), values);
        assert_eq!(parse(">f4", &[3], false, &f4).floats().unwrap(), values);
        assert_eq!(parse("<f8", &[3], false, &f8).floats().unwrap(), values);
    }

    #[test]
    fn integers_of_every_width_keep_their_sign() {
        assert_eq!(parse("|i1", &[2], false, &[0xff, 3]).integers().unwrap(), [-1, 3]);
        assert_eq!(parse("|u1", &[2], false, &[0xff, 3]).integers().unwrap(), [255, 3]);
        assert_eq!(parse(">i2", &[1], false, &[0xff, 0xfe]).integers().unwrap(), [-2]);
        let wide = parse("<i8", &[1], false, &(-5i64).to_le_bytes());
        assert_eq!(wide.integers().unwrap(), [-5]);
    }

    #[test]
    fn fortran_order_is_turned_into_rows() {
        let array = parse("|u1", &[2, 3], true, &[1, 4, 2, 5, 3, 6]);
        assert_eq!(array.into_bytes().unwrap(), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_cut_array_says_what_is_missing() {
        let bytes = encode("<f4", &[2, 2], false, &[0; 12]);
        let error = Array::parse(&bytes, "a.npy".to_owned()).err().unwrap().to_string();
        assert!(error.contains("a.npy: holds 12 bytes"), "{error}");
        assert!(error.contains("needs 16"), "{error}");
        for length in 0..bytes.len() {
            assert!(Array::parse(&bytes[..length], "a.npy".to_owned()).is_err());
        }
    }

    #[test]
    fn objects_are_refused() {
        let bytes = encode("|O", &[1], false, b"cos\nsystem\n");
        let error = Array::parse(&bytes, "a.npy".to_owned()).err().unwrap().to_string();
        assert!(error.contains("`|O`"), "{error}");
    }

    #[test]
    fn labels_are_counted_from_the_first_class() {
        let array = parse("<i4", &[3], false, &[1, 0, 0, 0, 2, 0, 0, 0, 10, 0, 0, 0]);
        assert_eq!(labels(&array, 1, 3).unwrap(), [0, 1, 9]);
        let error = labels(&array, 2, 3).err().unwrap().to_string();
        assert!(error.contains("row 0") && error.contains("first_label"), "{error}");
        let error = labels(&array, 1, 4).err().unwrap().to_string();
        assert!(error.contains("3 labels for 4 samples"), "{error}");
    }
}
