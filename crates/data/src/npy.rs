//! NumPy arrays: the `.npy` format, versions 1 to 3.

use std::io::{Cursor, Read};

use isthmus_core::error::DataError;

use crate::archive::FETCH_AGAIN;
use crate::array::{Array, Element, Header};

/// Longest header that is read; NumPy's own are a few hundred bytes.
const LONGEST_HEADER: usize = 1 << 20;

/// The header of a `.npy` file.
pub(crate) struct NpyHeader {
    /// What the array is.
    pub header: Header,
    /// Whether columns come first.
    fortran: bool,
    /// Bytes of all elements.
    size: usize,
    /// Bytes before the elements.
    start: usize,
}

impl NpyHeader {
    /// Reads a header; `place` is where the array is from, for messages.
    pub fn read(reader: &mut dyn Read, place: String) -> Result<Self, DataError> {
        let fail = |problem: String| DataError::File { file: place.clone(), problem };
        let (text, start) = header_text(reader).ok_or_else(|| {
            fail(format!("not a NumPy array (its header cannot be read): {FETCH_AGAIN}"))
        })?;
        let descr = field(&text, "descr")
            .and_then(quoted)
            .ok_or_else(|| fail("an array of records; expected plain numbers".to_owned()))?;
        let (element, width, big_endian) = element(descr).ok_or_else(|| {
            fail(if descr.ends_with('O') {
                format!(
                    "holds Python objects (`{descr}`); save plain numbers, or texts by \
                     `labels.astype(str)`"
                )
            } else {
                format!(
                    "has elements of type `{descr}`; expected floats (f2, f4, f8), integers or \
                     texts"
                )
            })
        })?;
        let fortran = field(&text, "fortran_order").is_some_and(|text| text.starts_with("True"));
        let shape = field(&text, "shape")
            .and_then(shape)
            .ok_or_else(|| fail(format!("its shape cannot be read: {FETCH_AGAIN}")))?;
        let size = shape
            .iter()
            .try_fold(width, |product, &size| product.checked_mul(size))
            .filter(|_| shape.iter().try_fold(1usize, |all, &size| all.checked_mul(size)).is_some())
            .ok_or_else(|| fail(format!("its shape {shape:?} is impossible: {FETCH_AGAIN}")))?;
        let header = Header { place, shape, element, width, big_endian };
        Ok(Self { header, fortran, size, start })
    }

    /// Checks that a file of `bytes` bytes in all holds the elements.
    pub fn check_size(&self, bytes: u64) -> Result<(), DataError> {
        let data = bytes.saturating_sub(self.start as u64);
        if data >= self.size as u64 {
            return Ok(());
        }
        Err(self.header.fail(format!(
            "holds {data} bytes of elements, its shape {:?} of {} bytes each needs {}: \
             {FETCH_AGAIN}",
            self.header.shape, self.header.width, self.size
        )))
    }
}

/// Reads the content of a `.npy` file.
pub(crate) fn parse(mut bytes: Vec<u8>, place: String) -> Result<Array, DataError> {
    let read = NpyHeader::read(&mut Cursor::new(&bytes), place)?;
    read.check_size(bytes.len() as u64)?;
    bytes.drain(..read.start);
    bytes.truncate(read.size);
    if read.fortran && read.header.shape.len() > 1 && read.header.width > 0 {
        bytes = from_fortran_order(&bytes, &read.header.shape, read.header.width);
    }
    Ok(Array::new(read.header, bytes))
}

/// The text of a header and where the elements begin.
fn header_text(reader: &mut dyn Read) -> Option<(String, usize)> {
    let mut first = [0; 8];
    reader.read_exact(&mut first).ok()?;
    let &[major, _minor] = first.strip_prefix(b"\x93NUMPY")? else { return None };
    let (length, before) = if major == 1 {
        let mut length = [0; 2];
        reader.read_exact(&mut length).ok()?;
        (usize::from(u16::from_le_bytes(length)), 10)
    } else {
        let mut length = [0; 4];
        reader.read_exact(&mut length).ok()?;
        (usize::try_from(u32::from_le_bytes(length)).ok()?, 12)
    };
    if length > LONGEST_HEADER {
        return None;
    }
    let mut text = vec![0; length];
    reader.read_exact(&mut text).ok()?;
    Some((String::from_utf8(text).ok()?, before + length))
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

fn element(descr: &str) -> Option<(Element, usize, bool)> {
    let order = descr.chars().next()?;
    let kind = descr.get(1..2)?;
    let size: usize = descr.get(2..)?.parse().ok()?;
    let (element, width) = match kind {
        "f" if matches!(size, 2 | 4 | 8) => (Element::Float, size),
        "i" if matches!(size, 1 | 2 | 4 | 8) => (Element::Signed, size),
        "u" if matches!(size, 1 | 2 | 4 | 8) => (Element::Unsigned, size),
        "b" if size == 1 => (Element::Bool, size),
        "U" => (Element::Text, size.checked_mul(4)?),
        "S" => (Element::Bytes, size),
        _ => return None,
    };
    match order {
        '<' | '|' => Some((element, width, false)),
        '>' => Some((element, width, true)),
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

    fn error_of(bytes: Vec<u8>) -> String {
        parse(bytes, "a.npy".to_owned()).err().unwrap().to_string()
    }

    #[test]
    fn elements_of_every_type_are_read() {
        let of = |descr, shape: &[usize], data: &[u8]| {
            parse(encode(descr, shape, false, data), "a.npy".to_owned()).unwrap()
        };
        assert_eq!(of(">f4", &[1], &1.5f32.to_be_bytes()).floats().unwrap(), [1.5]);
        assert_eq!(of("|b1", &[2], &[1, 0]).integers().unwrap(), [Some(1), Some(0)]);
        assert_eq!(of("<U2", &[1], b"a\0\0\0b\0\0\0").texts().unwrap(), ["ab"]);
        assert_eq!(of("|S3", &[2], b"ab\0cde").texts().unwrap(), ["ab", "cde"]);
        assert_eq!(of("<U0", &[3], b"").texts().unwrap(), ["", "", ""]);
    }

    #[test]
    fn fortran_order_is_turned_into_rows() {
        let bytes = encode("|u1", &[2, 3], true, &[1, 4, 2, 5, 3, 6]);
        let array = parse(bytes, "a.npy".to_owned()).unwrap();
        assert_eq!(array.into_pixels().unwrap(), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_cut_array_says_what_is_missing() {
        let bytes = encode("<f4", &[2, 2], false, &[0; 12]);
        let error = error_of(bytes.clone());
        assert!(error.contains("a.npy: holds 12 bytes"), "{error}");
        assert!(error.contains("needs 16"), "{error}");
        for length in 0..bytes.len() {
            assert!(parse(bytes[..length].to_vec(), "a.npy".to_owned()).is_err());
        }
    }

    #[test]
    fn sizes_that_a_header_only_claims_are_errors() {
        for shape in [&[1 << 60, 2][..], &[1 << 62, 1 << 62], &[usize::MAX], &[0, usize::MAX, 9]] {
            for descr in ["<f8", "|u1", "<U9", "|S0"] {
                let read = parse(encode(descr, shape, false, &[]), "a.npy".to_owned());
                let nothing = descr == "|S0" || shape[0] == 0;
                assert!(read.is_err() || (nothing && shape.len() == 1), "{descr} {shape:?}");
            }
        }
        let mut long = b"\x93NUMPY\x02\x00".to_vec();
        long.extend(u32::MAX.to_le_bytes());
        assert!(error_of(long).contains("its header cannot be read"));
        assert!(error_of(encode("<U99999999999999999999", &[1], false, &[])).contains("type"));
    }

    #[test]
    fn objects_and_odd_types_are_refused_and_not_called_damaged() {
        for descr in ["|O", "<c8", "<M8", "<f16"] {
            let error = error_of(encode(descr, &[1], false, b"cos\nsystem\n"));
            assert!(error.contains(&format!("`{descr}`")) && !error.contains("damaged"), "{error}");
        }
    }
}
