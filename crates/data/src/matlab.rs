//! Arrays of MATLAB files of version 5 (`.mat`, up to `-v7`).
//!
//! The MathWorks: MAT-file format, chapter 1 (2019). Numbers of any width, dense and real, and arrays
//! of characters, packed or not, of either byte order; cells, structures, sparse and complex arrays are
//! named and refused.

use std::io::Read;
use std::path::Path;

use flate2::read::ZlibDecoder;
use isthmus_core::error::DataError;

use crate::archive::{FETCH_AGAIN, SMALLEST_SHARE};
use crate::array::{Array, Element, Header};
use crate::problem;

/// What files of this kind begin with, as all programs write it.
pub(crate) const BEGINNING: &[u8] = b"MATLAB 5.0";

/// Bytes before the first variable.
const PREAMBLE: usize = 128;
/// Bytes of a packed variable that are unpacked to know what it is.
const DESCRIPTION: u64 = 4096;
/// Kinds of elements in the file.
const MATRIX: u32 = 14;
const PACKED: u32 = 15;
/// Bits of an array's flags.
const COMPLEX: u32 = 0x0800;
const LOGICAL: u32 = 0x0200;
/// The class of arrays of characters; the first and the last one of numbers; what the others are.
const CHARACTERS: u32 = 4;
const NUMERIC: std::ops::RangeInclusive<u32> = 6..=15;
const OTHERS: [&str; 5] = [
    "a cell array (`char(labels)` makes characters of texts)",
    "a structure",
    "an object",
    "text",
    "a sparse array",
];

/// An opened MATLAB file.
pub(crate) struct Matlab<'a> {
    path: &'a Path,
    bytes: Vec<u8>,
    big_endian: bool,
    variables: Vec<Variable>,
}

/// A variable and what is known of it without its numbers.
struct Variable {
    name: String,
    /// Where its element is in the file, without the tag.
    place: std::ops::Range<usize>,
    is_packed: bool,
    content: Content,
}

enum Content {
    /// Sizes, and the type of the elements with its width.
    Numbers { shape: Vec<usize>, element: Element, width: usize },
    /// Rows of so many characters, and how these are kept.
    Texts { rows: usize, length: usize, kind: u32 },
    /// What it is instead.
    Other(&'static str),
}

impl<'a> Matlab<'a> {
    /// Opens a file.
    pub fn open(path: &'a Path) -> Result<Self, DataError> {
        let bytes = problem::read(path)?;
        let damaged = || problem::file(path, format!("is no whole MATLAB file: {FETCH_AGAIN}"));
        let big_endian = match bytes.get(PREAMBLE - 2..PREAMBLE) {
            Some(b"IM") => false,
            Some(b"MI") => true,
            _ => return Err(damaged()),
        };
        let mut file = Self { path, bytes, big_endian, variables: Vec::new() };
        let mut at = PREAMBLE;
        while at < file.bytes.len() {
            let mut cursor = file.cursor(&file.bytes[at..]);
            let (kind, size) = cursor.tag().ok_or_else(damaged)?;
            let start = at + cursor.at;
            let place = start..start.checked_add(size).ok_or_else(damaged)?;
            let own = file.bytes.get(place.clone()).ok_or_else(damaged)?;
            at = place.end;
            let described = match kind {
                MATRIX => file.describe(own),
                PACKED => {
                    let mut first = Vec::new();
                    // A packed variable that is cut here is told when it is read.
                    let whole = ZlibDecoder::new(own).take(DESCRIPTION).read_to_end(&mut first);
                    whole
                        .ok()
                        .and_then(|_| file.unpacked(&first).ok())
                        .and_then(|it| file.describe(it))
                }
                // What other programs add is no variable.
                _ => continue,
            };
            let (name, content) = described.ok_or_else(damaged)?;
            let is_packed = kind == PACKED;
            file.variables.push(Variable { name, place, is_packed, content });
        }
        Ok(file)
    }

    /// The names of its arrays.
    pub fn names(&self) -> Vec<String> {
        self.variables.iter().map(|variable| variable.name.clone()).collect()
    }

    /// What the array `name` is.
    pub fn header(&self, name: &str) -> Result<Header, DataError> {
        self.header_of(self.variable(name)?)
    }

    /// Reads the array `name`.
    pub fn array(&self, name: &str) -> Result<Array, DataError> {
        let variable = self.variable(name)?;
        let header = self.header_of(variable)?;
        let own = &self.bytes[variable.place.clone()];
        let damaged = || header.fail(format!("is not whole: {FETCH_AGAIN}"));
        let mut unpacked = Vec::new();
        let own = if variable.is_packed {
            let most = (own.len() as u64).saturating_mul(SMALLEST_SHARE);
            ZlibDecoder::new(own).take(most).read_to_end(&mut unpacked).map_err(|error| {
                header.fail(format!("cannot be unpacked ({error}): {FETCH_AGAIN}"))
            })?;
            self.unpacked(&unpacked).map_err(|()| damaged())?
        } else {
            own
        };
        let mut cursor = self.cursor(own);
        let described = (0..3).all(|_| cursor.element().is_some());
        let (_, numbers) = described.then(|| cursor.element()).flatten().ok_or_else(damaged)?;
        if let Content::Texts { rows, length, kind } = variable.content {
            let characters = cursor.characters(numbers, kind).ok_or_else(damaged)?;
            if rows.checked_mul(length) != Some(characters.len()) {
                return Err(damaged());
            }
            let row = |row: usize| {
                let text: String = characters.iter().skip(row).step_by(rows).collect();
                text.trim_end().to_owned()
            };
            let texts =
                if length == 0 { vec![String::new(); rows] } else { (0..rows).map(row).collect() };
            return Ok(Array::of_texts(header, texts));
        }
        let count = header.shape.iter().try_fold(1_usize, |all, &size| all.checked_mul(size));
        if count.and_then(|count| count.checked_mul(header.width)) != Some(numbers.len()) {
            return Err(damaged());
        }
        let bytes = in_rows(numbers, &header.shape, header.width);
        Ok(Array::new(header, bytes))
    }

    fn variable(&self, name: &str) -> Result<&Variable, DataError> {
        self.variables.iter().find(|variable| variable.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.variables.iter().map(|it| it.name.as_str()).collect();
            let hint = problem::suggestion(name, names.iter().copied());
            problem::file(
                self.path,
                format!("has no array `{name}`{hint}; it has {}", problem::some_of(&names)),
            )
        })
    }

    fn header_of(&self, variable: &Variable) -> Result<Header, DataError> {
        let place = format!("{}, array `{}`", self.path.display(), variable.name);
        match &variable.content {
            Content::Numbers { shape, element, width } => Ok(Header {
                place,
                shape: shape.clone(),
                element: *element,
                width: *width,
                big_endian: self.big_endian,
            }),
            Content::Texts { rows, .. } => Ok(Header {
                place,
                shape: vec![*rows],
                element: Element::Text,
                width: 0,
                big_endian: false,
            }),
            Content::Other(what) => Err(DataError::File {
                file: place,
                problem: format!("is {what}; expected an array of real numbers, not sparse"),
            }),
        }
    }

    fn cursor<'b>(&self, bytes: &'b [u8]) -> Cursor<'b> {
        Cursor { bytes, at: 0, big_endian: self.big_endian }
    }

    /// The matrix in what a packed variable holds, as far as it was unpacked.
    fn unpacked<'b>(&self, bytes: &'b [u8]) -> Result<&'b [u8], ()> {
        let mut cursor = self.cursor(bytes);
        match cursor.tag() {
            Some((MATRIX, size)) => {
                let end = cursor.at.saturating_add(size).min(bytes.len());
                Ok(&bytes[cursor.at..end])
            }
            _ => Err(()),
        }
    }

    /// Name and content of a matrix whose numbers may be cut.
    fn describe(&self, matrix: &[u8]) -> Option<(String, Content)> {
        let mut cursor = self.cursor(matrix);
        let (_, flags) = cursor.element()?;
        let flags = cursor.number(flags.get(..4)?);
        let (_, sizes) = cursor.element()?;
        let (_, name) = cursor.element()?;
        let name = String::from_utf8_lossy(name).into_owned();
        let class = flags & 0xff;
        if class != CHARACTERS && !NUMERIC.contains(&class) {
            let other = (class as usize).checked_sub(1).and_then(|at| OTHERS.get(at));
            return Some((name, Content::Other(other.copied().unwrap_or("of an unknown class"))));
        }
        if flags & COMPLEX != 0 {
            return Some((name, Content::Other("complex")));
        }
        let sizes = sizes.chunks_exact(4).map(|size| cursor.number(size));
        let shape = sizes.map(|size| usize::try_from(size).ok()).collect::<Option<Vec<_>>>()?;
        let (kind, _) = cursor.tag()?;
        if class == CHARACTERS {
            return Some(match *shape.as_slice() {
                [rows, length] => (name, Content::Texts { rows, length, kind }),
                _ => (name, Content::Other("text of more than two dimensions")),
            });
        }
        let (element, width) = numbers_of(kind)?;
        let element = if flags & LOGICAL != 0 && width == 1 { Element::Bool } else { element };
        Some((name, Content::Numbers { shape, element, width }))
    }
}

/// The numbers that an element of this kind holds, and their width: files keep whole numbers in
/// the narrowest, whatever the array is in MATLAB.
fn numbers_of(kind: u32) -> Option<(Element, usize)> {
    Some(match kind {
        1 => (Element::Signed, 1),
        2 => (Element::Unsigned, 1),
        3 => (Element::Signed, 2),
        4 => (Element::Unsigned, 2),
        5 => (Element::Signed, 4),
        6 => (Element::Unsigned, 4),
        7 => (Element::Float, 4),
        9 => (Element::Float, 8),
        12 => (Element::Signed, 8),
        13 => (Element::Unsigned, 8),
        _ => return None,
    })
}

/// Elements that stand column by column, row by row.
pub(crate) fn in_rows(bytes: &[u8], shape: &[usize], width: usize) -> Vec<u8> {
    let mut ordered = Vec::with_capacity(bytes.len());
    let mut place = vec![0; shape.len()];
    // How many elements the next one of each dimension is away.
    let strides: Vec<usize> = shape
        .iter()
        .scan(1, |stride, size| {
            let own = *stride;
            *stride *= size;
            Some(own)
        })
        .collect();
    for _ in 0..bytes.len() / width {
        let at: usize = place.iter().zip(&strides).map(|(place, stride)| place * stride).sum();
        ordered.extend_from_slice(&bytes[at * width..(at + 1) * width]);
        for dimension in (0..shape.len()).rev() {
            place[dimension] += 1;
            if place[dimension] < shape[dimension] {
                break;
            }
            place[dimension] = 0;
        }
    }
    ordered
}

/// Reads elements one after the other.
struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
    big_endian: bool,
}

impl<'b> Cursor<'b> {
    fn number(&self, bytes: &[u8]) -> u32 {
        let shift = |value: u32, byte: &u8| (value << 8) | u32::from(*byte);
        if self.big_endian {
            bytes.iter().fold(0, shift)
        } else {
            bytes.iter().rev().fold(0, shift)
        }
    }

    fn next(&mut self) -> Option<u32> {
        let bytes = self.bytes.get(self.at..self.at + 4)?;
        self.at += 4;
        Some(self.number(bytes))
    }

    /// Kind and size of the next element; its data follows.
    fn tag(&mut self) -> Option<(u32, usize)> {
        let first = self.next()?;
        // Up to four bytes stand in the tag itself, with their number in its upper half.
        match first >> 16 {
            0 => Some((first, usize::try_from(self.next()?).ok()?)),
            size => Some((first & 0xffff, usize::try_from(size).ok()?)),
        }
    }

    /// The characters that an element of this kind holds.
    fn characters(&self, bytes: &[u8], kind: u32) -> Option<Vec<char>> {
        match kind {
            // 8 bits each, or UTF-8.
            1 | 2 => Some(bytes.iter().map(|&byte| char::from(byte)).collect()),
            16 => Some(std::str::from_utf8(bytes).ok()?.chars().collect()),
            // 16 bits each, or UTF-16; a character of two units stands in two places.
            4 | 17 => {
                let units = bytes.chunks_exact(2).map(|unit| self.number(unit) as u16);
                units.map(|unit| char::from_u32(u32::from(unit))).collect()
            }
            _ => None,
        }
    }

    /// Kind and data of the next element.
    fn element(&mut self) -> Option<(u32, &'b [u8])> {
        let start = self.at;
        let (kind, size) = self.tag()?;
        let data = self.bytes.get(self.at..self.at.checked_add(size)?)?;
        // The next one begins at a multiple of eight bytes.
        self.at = start + (self.at + size - start).next_multiple_of(8);
        Some((kind, data))
    }
}
