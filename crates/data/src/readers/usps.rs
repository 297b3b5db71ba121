//! `usps`: the USPS digits as text or HDF5.

use std::path::{Path, PathBuf};

use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::archive::{self, FETCH_AGAIN};
use crate::hdf5::Hdf5;
use crate::labels::labels;
use crate::problem;
use crate::readers::{RowLimit, digit_names};

const SIDE: usize = 16;
const PIXELS: usize = SIDE * SIDE;

/// The two sets of USPS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UspsSet {
    /// 7291 digits.
    #[default]
    Train,
    /// 2007 digits.
    Test,
}

impl UspsSet {
    fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// The USPS digits, 16x16 grey, from `zip.train.gz` and `zip.test.gz` (text: the digit, then 256
/// values in [-1, 1]) or from `usps.h5` (groups `train` and `test`, each `data`, floats in [0, 1] or
/// whole numbers from 0 to 255, and `target`); the first of them that is there. Values become
/// bytes, 0 background, 255 ink.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Usps {
    /// Which set is read.
    pub set: UspsSet,
    /// Keeps only some rows.
    pub rows: Option<RowLimit>,
}

impl PluginConfig for Usps {
    fn check(&self) -> Result<(), FieldProblem> {
        RowLimit::check(self.rows.as_ref())
    }
}

impl ReaderPlugin for Usps {
    fn build(self) -> Box<dyn Reader> {
        Box::new(self)
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<Usps>(About {
        name: "usps",
        summary: "the USPS digits as text or HDF5",
        paper: "Hull, \"A database for handwritten text recognition research\", TPAMI 1994",
    })
}

impl Reader for Usps {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        let set = self.set.name();
        vec![vec![format!("zip.{set}.gz").into(), format!("zip.{set}").into(), "usps.h5".into()]]
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let choices: Vec<PathBuf> =
            self.files().concat().iter().map(|file| folder.join(file)).collect();
        let path = choices.iter().find(|path| path.is_file()).unwrap_or(&choices[0]);
        let (pixels, labels) = if path.extension().is_some_and(|extension| extension == "h5") {
            read_hdf5(path, self.set.name())?
        } else {
            read_text(path)?
        };
        if labels.is_empty() {
            return Err(problem::file(path, "has no digits"));
        }
        let images = Samples::Images { channels: 1, height: SIDE, width: SIDE, pixels };
        let samples = LabelledSamples {
            class_names: Some(digit_names()),
            ..LabelledSamples::new(images, labels)
        };
        RowLimit::apply(self.rows.as_ref(), &path.display().to_string(), samples)
    }
}

/// A byte of a value in [0, 1].
fn byte(value: f32) -> Option<u8> {
    // Text rounds to three decimals, so the ends may be missed by a little.
    const SLACK: f32 = 0.01;
    (-SLACK..=1.0 + SLACK).contains(&value).then(|| (value.clamp(0.0, 1.0) * 255.0).round() as u8)
}

fn read_text(path: &Path) -> Result<(Vec<u8>, Vec<u32>), DataError> {
    let bytes = archive::read_unpacked(path)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| problem::file(path, format!("is not text: {FETCH_AGAIN}")))?;
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let fail = |what: String| problem::inside(path, format!("line {}", number + 1), what);
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        let digit = first
            .parse::<f32>()
            .ok()
            .filter(|digit| digit.fract() == 0.0 && (0.0..10.0).contains(digit))
            .ok_or_else(|| fail(format!("begins with `{first}`, expected a digit 0 to 9")))?;
        labels.push(digit as u32);
        let before = pixels.len();
        for word in words {
            let value = word
                .parse::<f32>()
                .ok()
                .and_then(|value| byte((value + 1.0) / 2.0))
                .ok_or_else(|| fail(format!("has `{word}`, expected a value in [-1, 1]")))?;
            pixels.push(value);
        }
        let found = pixels.len() - before;
        if found != PIXELS {
            return Err(fail(format!("has {found} values, expected {PIXELS}: {FETCH_AGAIN}")));
        }
    }
    Ok((pixels, labels))
}

fn read_hdf5(path: &Path, set: &str) -> Result<(Vec<u8>, Vec<u32>), DataError> {
    let file = Hdf5::open(path)?;
    let data = file.array(&format!("/{set}/data"))?;
    let target = file.array(&format!("/{set}/target"))?;
    let rows = target.header.shape.first().copied().unwrap_or_default();
    if data.header.shape != [rows, PIXELS] {
        return Err(data.header.fail(format!(
            "has shape {:?}; with {rows} targets [{rows}, {PIXELS}] is expected",
            data.header.shape
        )));
    }
    let digit = |(row, class): (usize, Option<u32>)| match class {
        Some(digit) if digit < 10 => Ok(digit),
        Some(other) => {
            Err(target.header.fail(format!("row {row} is {other}, expected a digit 0 to 9")))
        }
        None => Err(target.header.fail(format!("row {row} has no digit, expected 0 to 9"))),
    };
    let labels = labels(&target, 0, rows)?.classes;
    let labels = labels.into_iter().enumerate().map(digit).collect::<Result<_, _>>()?;
    Ok((data.into_pixels()?, labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, text: &str) {
        std::fs::write(folder.join("zip.train"), text).unwrap();
    }

    fn line(digit: &str, values: usize) -> String {
        format!("{digit} {}\n", "-1.0000 ".repeat(values - 1) + "0.5000")
    }

    #[test]
    fn text_becomes_bytes() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &(line("6.0000", PIXELS) + &line("0.0000", PIXELS)));
        let read = Usps::default().read(folder.path()).unwrap();
        assert_eq!(read.targets.strata(), [6, 0]);
        let Samples::Images { pixels, .. } = read.samples else { panic!("not images") };
        assert_eq!((pixels[0], pixels[PIXELS - 1], pixels.len()), (0, 191, 2 * PIXELS));
    }

    #[test]
    fn damaged_text_names_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let cases = [
            (line("6.0000", PIXELS) + &line("5", 100), "line 2: has 100 values, expected 256"),
            (line("12", PIXELS), "line 1: begins with `12`"),
            (line("6", PIXELS).replace("0.5000", "7.5"), "line 1: has `7.5`"),
            (line("6", PIXELS).replace("0.5000", "nan"), "line 1: has `nan`"),
            (String::new(), "has no digits"),
        ];
        for (text, expected) in cases {
            write(folder.path(), &text);
            let error = Usps::default().read(folder.path()).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn damaged_hdf5_says_so() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("usps.h5"), b"\x89HDF\r\n\x1a\nrest").unwrap();
        let error = Usps::default().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("usps.h5: cannot be read as HDF5"), "{error}");
    }
}
