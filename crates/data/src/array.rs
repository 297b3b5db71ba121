//! Arrays as files hold them, and what they are turned into: values, class numbers, texts, pixels.

use burn::tensor::f16;
use isthmus_core::error::DataError;

/// What the elements of an array are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    Float,
    Signed,
    Unsigned,
    Bool,
    /// Text of 4 bytes a character.
    Text,
    /// Text of bytes: UTF-8.
    Bytes,
}

/// What is known of an array without its elements.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    /// Where it is from, for messages: the file and the name in it.
    pub place: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// What its elements are.
    pub element: Element,
    /// Bytes of an element.
    pub width: usize,
    /// Whether the first byte of an element is its largest.
    pub big_endian: bool,
}

/// An array in C order, its elements as they were read.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    /// What it is.
    pub header: Header,
    elements: Elements,
}

#[derive(Clone, Debug)]
enum Elements {
    Bytes(Vec<u8>),
    Texts(Vec<String>),
}

impl Header {
    /// An error about the array.
    pub fn fail(&self, problem: impl Into<String>) -> DataError {
        DataError::File { file: self.place.clone(), problem: problem.into() }
    }

    /// The elements, if they are texts, are no numbers.
    pub fn is_text(&self) -> bool {
        matches!(self.element, Element::Text | Element::Bytes)
    }

    /// Checks that the array can be features, and returns rows and columns.
    ///
    /// # Errors
    /// If it is not of two dimensions, is empty, or holds texts.
    pub fn features(&self) -> Result<[usize; 2], DataError> {
        if self.is_text() {
            return Err(self.fail("holds texts; features are numbers"));
        }
        let &[rows, size] = self.shape.as_slice() else {
            let advice = match self.shape.as_slice() {
                [_, _, _, ..] => {
                    "; samples of more dimensions are flattened by `x.reshape(len(x), -1)`"
                }
                _ => "",
            };
            return Err(self.fail(format!(
                "features have shape {:?}; expected two dimensions, [rows, features]{advice}",
                self.shape
            )));
        };
        if rows == 0 || size == 0 {
            return Err(self.fail(format!("is empty: shape [{rows}, {size}]")));
        }
        Ok([rows, size])
    }

    /// Checks that the array can be images, and returns rows, height, width and channels.
    ///
    /// # Errors
    /// If it has another shape, is empty, or holds texts.
    pub fn images(&self) -> Result<[usize; 4], DataError> {
        if self.is_text() {
            return Err(self.fail("holds texts; images are numbers"));
        }
        let dims = match *self.shape.as_slice() {
            [rows, height, width] => [rows, height, width, 1],
            [rows, height, width, channels @ (1 | 3)] => [rows, height, width, channels],
            _ => {
                return Err(self.fail(format!(
                    "images have shape {:?}; expected [rows, height, width] or [rows, height, \
                     width, 1 or 3]",
                    self.shape
                )));
            }
        };
        if dims.contains(&0) {
            return Err(self.fail(format!("has no images: shape {:?}", self.shape)));
        }
        Ok(dims)
    }
}

impl Array {
    /// An array of elements of `header.width` bytes.
    pub fn new(header: Header, bytes: Vec<u8>) -> Self {
        Self { header, elements: Elements::Bytes(bytes) }
    }

    /// An array of texts.
    pub fn of_texts(header: Header, texts: Vec<String>) -> Self {
        Self { header, elements: Elements::Texts(texts) }
    }

    /// The elements' bytes; none where they are texts.
    fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let bytes = match &self.elements {
            Elements::Bytes(bytes) => bytes.as_slice(),
            Elements::Texts(_) => &[],
        };
        // Texts may have no characters at all.
        bytes.chunks_exact(self.header.width.max(1))
    }

    fn unsigned(&self, bytes: &[u8]) -> u64 {
        let shift = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
        if self.header.big_endian {
            bytes.iter().fold(0, shift)
        } else {
            bytes.iter().rev().fold(0, shift)
        }
    }

    fn signed(&self, bytes: &[u8]) -> i64 {
        let unused = 64 - 8 * bytes.len() as u32;
        ((self.unsigned(bytes) << unused) as i64) >> unused
    }

    fn float(&self, bytes: &[u8]) -> f64 {
        let bits = self.unsigned(bytes);
        match bytes.len() {
            2 => f64::from(f16::from_bits(bits as u16).to_f32()),
            4 => f64::from(f32::from_bits(bits as u32)),
            _ => f64::from_bits(bits),
        }
    }

    /// The numbers as floats. Integers beyond 2^24 lose digits.
    ///
    /// # Errors
    /// If the elements are texts.
    pub fn floats(&self) -> Result<Vec<f32>, DataError> {
        Ok(match self.header.element {
            Element::Float => self.chunks().map(|b| self.float(b) as f32).collect(),
            Element::Signed => self.chunks().map(|b| self.signed(b) as f32).collect(),
            Element::Unsigned | Element::Bool => {
                self.chunks().map(|b| self.unsigned(b) as f32).collect()
            }
            Element::Text | Element::Bytes => {
                return Err(self.header.fail("holds texts; expected numbers"));
            }
        })
    }

    /// The numbers as integers; `None` in the place of NaN.
    ///
    /// # Errors
    /// If a number is not whole or is beyond the range, or the elements are texts.
    pub fn integers(&self) -> Result<Vec<Option<i64>>, DataError> {
        // Floats have all whole numbers until here.
        const LARGEST: f64 = 9_007_199_254_740_992.0;
        match self.header.element {
            Element::Signed => Ok(self.chunks().map(|b| Some(self.signed(b))).collect()),
            Element::Unsigned | Element::Bool => self
                .chunks()
                .enumerate()
                .map(|(row, b)| {
                    let value = self.unsigned(b);
                    i64::try_from(value).map(Some).map_err(|_| {
                        self.header.fail(format!("row {row} is {value}, beyond every class number"))
                    })
                })
                .collect(),
            Element::Float => self
                .chunks()
                .enumerate()
                .map(|(row, b)| {
                    let value = self.float(b);
                    if value.is_nan() {
                        return Ok(None);
                    }
                    if value.fract() != 0.0 || value.abs() > LARGEST {
                        return Err(self.header.fail(format!(
                            "row {row} is {value}; classes are whole numbers or texts"
                        )));
                    }
                    Ok(Some(value as i64))
                })
                .collect(),
            Element::Text | Element::Bytes => {
                Err(self.header.fail("holds texts; expected whole numbers"))
            }
        }
    }

    /// The texts.
    ///
    /// # Errors
    /// If the elements are numbers, or a text cannot be read.
    pub fn texts(&self) -> Result<Vec<String>, DataError> {
        if let Elements::Texts(texts) = &self.elements {
            return Ok(texts.clone());
        }
        if self.header.width == 0 {
            return Ok(vec![String::new(); self.header.shape.iter().product()]);
        }
        let unreadable =
            |row: usize| self.header.fail(format!("row {row} is no text in UTF-8 or UTF-32"));
        match self.header.element {
            Element::Text => self
                .chunks()
                .enumerate()
                .map(|(row, b)| {
                    b.chunks_exact(4)
                        .map(|c| self.unsigned(c) as u32)
                        .take_while(|&code| code != 0)
                        .map(|code| char::from_u32(code).ok_or_else(|| unreadable(row)))
                        .collect()
                })
                .collect(),
            Element::Bytes => self
                .chunks()
                .enumerate()
                .map(|(row, b)| {
                    let end = b.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
                    std::str::from_utf8(&b[..end]).map(str::to_owned).map_err(|_| unreadable(row))
                })
                .collect(),
            _ => Err(self.header.fail("holds numbers; expected texts")),
        }
    }

    /// The numbers as pixels: whole numbers from 0 to 255 as they are, floats in [0, 1] times 255,
    /// truth values as 0 and 255.
    ///
    /// # Errors
    /// If a number is neither; with its row.
    pub fn into_pixels(self) -> Result<Vec<u8>, DataError> {
        let rows = self.header.shape.first().copied().unwrap_or(1).max(1);
        let values = match (self.header.element, self.elements) {
            (Element::Unsigned, Elements::Bytes(bytes)) if self.header.width == 1 => {
                return Ok(bytes);
            }
            (Element::Bool, Elements::Bytes(bytes)) => {
                return Ok(bytes.into_iter().map(|it| if it == 0 { 0 } else { 255 }).collect());
            }
            (_, elements) => Self { header: self.header.clone(), elements }.floats()?,
        };
        if self.header.element == Element::Float && values.iter().all(|&it| is_share(it)) {
            return Ok(values
                .iter()
                .map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8)
                .collect());
        }
        // Where there are fractions, all were meant as shares: the one outside is at fault.
        let shares = values.iter().any(|value| value.fract() != 0.0 && is_share(*value));
        let is_byte = |value: f32| value.fract() == 0.0 && (0.0..=255.0).contains(&value);
        let fits = |value: f32| if shares { is_share(value) } else { is_byte(value) };
        if let Some(at) = values.iter().position(|&value| !fits(value)) {
            let row = at / (values.len() / rows).max(1);
            return Err(self.header.fail(format!(
                "row {row} has {}; pixels are expected as whole numbers from 0 to 255, or all as \
                 floats from 0 to 1",
                values[at]
            )));
        }
        Ok(values.into_iter().map(|value| value as u8).collect())
    }
}

/// Whether a value is a share of full brightness. Text rounds to three decimals, so the ends may
/// be missed by a little.
fn is_share(value: f32) -> bool {
    const SLACK: f32 = 0.01;
    (-SLACK..=1.0 + SLACK).contains(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(element: Element, width: usize, big_endian: bool, bytes: &[u8]) -> Array {
        let shape = vec![bytes.len() / width];
        let header = Header { place: "a".to_owned(), shape, element, width, big_endian };
        Array::new(header, bytes.to_vec())
    }

    fn f64s(values: &[f64]) -> Array {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        array(Element::Float, 8, false, &bytes)
    }

    #[test]
    fn floats_of_every_width_and_byte_order() {
        let values = [1.5f32, -2.0, 0.25];
        let f2: Vec<u8> =
            values.iter().flat_map(|&v| f16::from_f32(v).to_bits().to_le_bytes()).collect();
        let f4: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
        assert_eq!(array(Element::Float, 2, false, &f2).floats().unwrap(), values);
        assert_eq!(array(Element::Float, 4, true, &f4).floats().unwrap(), values);
        assert_eq!(f64s(&[1.5, -2.0, 0.25]).floats().unwrap(), values);
        let counts = array(Element::Signed, 2, true, &[0xff, 0xfe, 0, 3]);
        assert_eq!(counts.floats().unwrap(), [-2.0, 3.0]);
        assert_eq!(array(Element::Bool, 1, false, &[1, 0]).floats().unwrap(), [1.0, 0.0]);
    }

    #[test]
    fn integers_of_every_width_keep_their_sign_and_whole_floats_are_integers() {
        let of = |array: Array| array.integers().unwrap();
        assert_eq!(of(array(Element::Signed, 1, false, &[0xff, 3])), [Some(-1), Some(3)]);
        assert_eq!(of(array(Element::Unsigned, 1, false, &[0xff, 3])), [Some(255), Some(3)]);
        assert_eq!(of(array(Element::Signed, 8, false, &(-5i64).to_le_bytes())), [Some(-5)]);
        assert_eq!(of(array(Element::Unsigned, 4, true, &[0, 0, 1, 0])), [Some(256)]);
        assert_eq!(of(f64s(&[3.0, -1.0, f64::NAN])), [Some(3), Some(-1), None]);
        let error = f64s(&[3.0, 0.5]).integers().err().unwrap().to_string();
        assert!(error.contains("row 1 is 0.5; classes are whole numbers or texts"), "{error}");
        assert!(f64s(&[f64::INFINITY]).integers().is_err());
        assert!(array(Element::Unsigned, 8, false, &[0xff; 8]).integers().is_err());
    }

    #[test]
    fn texts_of_both_kinds_are_read() {
        let utf32: Vec<u8> = "dé\0x\0\0".chars().flat_map(|c| (c as u32).to_be_bytes()).collect();
        let texts = array(Element::Text, 12, true, &utf32).texts().unwrap();
        assert_eq!(texts, ["dé", "x"]);
        let texts = array(Element::Bytes, 4, false, b"dogscat\0").texts().unwrap();
        assert_eq!(texts, ["dogs", "cat"]);
        assert!(array(Element::Bytes, 2, false, &[0xff, 0xff]).texts().is_err());
        assert!(array(Element::Text, 4, false, &[0, 0, 0, 0xff]).texts().is_err());
    }

    #[test]
    fn pixels_are_bytes_or_shares() {
        let of = |array: Array| array.into_pixels();
        assert_eq!(of(array(Element::Unsigned, 1, false, &[7, 255])).unwrap(), [7, 255]);
        assert_eq!(of(array(Element::Bool, 1, false, &[0, 1])).unwrap(), [0, 255]);
        assert_eq!(of(array(Element::Signed, 2, false, &[7, 0, 255, 0])).unwrap(), [7, 255]);
        assert_eq!(of(f64s(&[0.0, 0.5, 1.0])).unwrap(), [0, 128, 255]);
        assert_eq!(of(f64s(&[0.0, 17.0, 255.0])).unwrap(), [0, 17, 255]);
        for (values, expected) in [
            (vec![0.0, 300.0], "row 1 has 300;"),
            (vec![0.5, 200.0], "row 1 has 200;"),
            (vec![3.5, 200.0], "row 0 has 3.5;"),
            (vec![0.2, f64::NAN], "row 1 has NaN;"),
        ] {
            let error = of(f64s(&values)).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let error = of(array(Element::Unsigned, 2, false, &[0, 1])).err().unwrap().to_string();
        assert!(error.contains("row 0 has 256;"), "{error}");
    }
}
