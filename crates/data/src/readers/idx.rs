//! `idx`: images and labels in the format of MNIST.

use std::io::Read;
use std::path::{Path, PathBuf};

use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::dataset::{LabelledSamples, Reader, SampleOutline, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::archive::{self, FETCH_AGAIN};
use crate::readers::RowLimit;
use crate::{problem, sniff};

/// Grey images and their labels in the IDX format of MNIST and its kin, gzip or not: for each
/// file, the name with `.gz` appended is read where the name itself is absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Idx {
    /// The images, relative to the data set's folder.
    pub images: String,
    /// The labels, relative to the data set's folder.
    pub labels: String,
    /// The label of the first class: 1 where labels run from 1, as those of EMNIST's letters do.
    pub first_label: u8,
    /// Keeps only some rows.
    pub rows: Option<RowLimit>,
}

impl Default for Idx {
    fn default() -> Self {
        Self {
            images: "train-images-idx3-ubyte".to_owned(),
            labels: "train-labels-idx1-ubyte".to_owned(),
            first_label: 0,
            rows: None,
        }
    }
}

impl PluginConfig for Idx {
    fn check(&self) -> Result<(), FieldProblem> {
        RowLimit::check(self.rows.as_ref())
    }
}

impl ReaderPlugin for Idx {
    fn build(self) -> Box<dyn Reader> {
        Box::new(self)
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<Idx>(About {
        name: "idx",
        summary: "grey images and labels in MNIST's format",
        paper: "LeCun, Bottou, Bengio, Haffner, \"Gradient-based learning applied to document \
                recognition\", Proceedings of the IEEE 1998",
    })
}

fn choices(name: &str) -> Vec<PathBuf> {
    vec![PathBuf::from(name), PathBuf::from(format!("{name}.gz"))]
}

fn present(folder: &Path, name: &str) -> PathBuf {
    let plain = folder.join(name);
    if plain.is_file() { plain } else { folder.join(format!("{name}.gz")) }
}

impl Reader for Idx {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        vec![choices(&self.images), choices(&self.labels)]
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let images = present(folder, &self.images);
        let (dims, mut data) = open::<3>(&images)?;
        let pixels = rest(&images, &dims, &mut *data)?;
        self.samples(folder, &images, dims, pixels)
    }

    fn outline(&self, folder: &Path) -> Result<SampleOutline, DataError> {
        let images = present(folder, &self.images);
        let (dims, _) = open::<3>(&images)?;
        Ok(self.samples(folder, &images, dims, Vec::new())?.outline())
    }
}

impl Idx {
    fn samples(
        &self,
        folder: &Path,
        images: &Path,
        [rows, height, width]: [usize; 3],
        pixels: Vec<u8>,
    ) -> Result<LabelledSamples, DataError> {
        let path = present(folder, &self.labels);
        let (dims, mut data) = open::<1>(&path)?;
        if dims != [rows] {
            return Err(problem::file(
                path,
                format!("has {} labels for {rows} images; both must be of one length", dims[0]),
            ));
        }
        let labels = rest(&path, &dims, &mut *data)?.into_iter().enumerate().map(|(row, label)| {
            label.checked_sub(self.first_label).map(u32::from).ok_or_else(|| {
                problem::file(
                    &path,
                    format!(
                        "row {row}: label {label} is below `first_label = {}`",
                        self.first_label
                    ),
                )
            })
        });
        let labels = labels.collect::<Result<Vec<u32>, _>>()?;
        let samples = LabelledSamples {
            first_label: i64::from(self.first_label),
            ..LabelledSamples::new(Samples::Images { channels: 1, height, width, pixels }, labels)
        };
        RowLimit::apply(self.rows.as_ref(), &images.display().to_string(), samples)
    }
}

/// Opens an array of unsigned bytes with `D` dimensions: its shape, and what follows.
fn open<const D: usize>(path: &Path) -> Result<([usize; D], Box<dyn Read>), DataError> {
    let mut data = archive::unpacking(path)?;
    let mut header = Vec::with_capacity(4 * (D + 1));
    let read = data.by_ref().take(4 * (D as u64 + 1)).read_to_end(&mut header);
    let failed = |error| archive::ends_wrongly(path, 0, &error);
    let fail = |problem: String| Err(problem::file(path, problem));
    read.map_err(failed)?;
    let Some((magic, sizes)) = header.split_first_chunk::<4>() else {
        return fail(format!("has {} bytes; it is no IDX file: {FETCH_AGAIN}", header.len()));
    };
    let expected = [0, 0, 8, D as u8];
    if *magic != expected {
        let kind = match magic {
            [0, 0, 8 | 9 | 11..=14, _] => "images and labels may be exchanged".to_owned(),
            _ => sniff::kind_of(&problem::first_bytes(path)?)
                .map_or_else(|| "it is no IDX file".to_owned(), |kind| format!("it is {kind}")),
        };
        return fail(format!(
            "begins with {magic:02x?}, unsigned bytes of {D} dimensions begin with \
             {expected:02x?}; {kind}"
        ));
    }
    let (words, []) = sizes.as_chunks::<4>() else {
        return fail(format!("ends inside its header: {FETCH_AGAIN}"));
    };
    let mut dims = [0; D];
    if words.len() < D {
        return fail(format!("ends inside its header: {FETCH_AGAIN}"));
    }
    for (size, word) in dims.iter_mut().zip(words) {
        *size = u32::from_be_bytes(*word) as usize;
    }
    match dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim)) {
        None => fail(format!("its shape {dims:?} is impossible: {FETCH_AGAIN}")),
        Some(0) => fail(format!("is empty: its shape is {dims:?}")),
        Some(_) => Ok((dims, data)),
    }
}

/// The elements after a header. What is reserved follows what is there, not what the header says.
fn rest(path: &Path, dims: &[usize], data: &mut dyn Read) -> Result<Vec<u8>, DataError> {
    let size: usize = dims.iter().product();
    let mut elements = Vec::new();
    if let Err(error) = data.take(size as u64 + 1).read_to_end(&mut elements) {
        return Err(archive::ends_wrongly(path, elements.len(), &error));
    }
    if elements.len() == size {
        return Ok(elements);
    }
    let found = if elements.len() > size { "more" } else { &elements.len().to_string() };
    Err(problem::file(
        path,
        format!("holds {found} bytes of data, its shape {dims:?} needs {size}: {FETCH_AGAIN}"),
    ))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn write(path: &Path, dims: &[u32], data: &[u8]) {
        let mut bytes = vec![0, 0, 8, dims.len() as u8];
        bytes.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
        bytes.extend(data);
        std::fs::write(path, bytes).unwrap();
    }

    fn reader() -> Idx {
        Idx { images: "images".to_owned(), labels: "labels".to_owned(), ..Idx::default() }
    }

    fn small() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("images"), &[2, 2, 3], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        write(&folder.path().join("labels"), &[2], &[7, 1]);
        folder
    }

    #[test]
    fn plain_and_gzip_files_read_alike() {
        let folder = small();
        let plain = reader().read(folder.path()).unwrap();
        let path = folder.path().join("images");
        let gz = std::fs::File::create(folder.path().join("images.gz")).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(gz, flate2::Compression::fast());
        encoder.write_all(&std::fs::read(&path).unwrap()).unwrap();
        encoder.finish().unwrap();
        std::fs::remove_file(path).unwrap();
        let unpacked = reader().read(folder.path()).unwrap();
        for read in [&plain, &unpacked] {
            let Samples::Images { channels, height, width, pixels } = &read.samples else {
                panic!("not images")
            };
            assert_eq!((*channels, *height, *width), (1, 2, 3));
            assert_eq!(pixels[6..], [6, 7, 8, 9, 10, 11]);
            assert_eq!(read.targets.strata(), [7, 1]);
        }
        let gz = folder.path().join("images.gz");
        let bytes = std::fs::read(&gz).unwrap();
        std::fs::write(&gz, &bytes[..bytes.len() - 9]).unwrap();
        let error = reader().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("images.gz: gzip data ends wrongly"), "{error}");
    }

    #[test]
    fn damaged_files_say_what_was_found_and_expected() {
        let folder = small();
        let path = folder.path().join("images");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let error = reader().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("holds 11 bytes of data"), "{error}");
        assert!(error.contains("[2, 2, 3] needs 12"), "{error}");
        std::fs::copy(folder.path().join("labels"), &path).unwrap();
        let error = reader().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("begins with [00, 00, 08, 01]"), "{error}");
        std::fs::write(&path, b"ab").unwrap();
        let error = reader().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("has 2 bytes"), "{error}");
    }

    #[test]
    fn labels_of_another_length_are_an_error() {
        let folder = small();
        write(&folder.path().join("labels"), &[3], &[7, 1, 0]);
        let error = reader().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("labels: has 3 labels for 2 images"), "{error}");
    }

    #[test]
    fn a_shape_that_is_only_claimed_is_an_error() {
        let folder = small();
        let path = folder.path().join("images");
        write(&path, &[u32::MAX, u32::MAX, 3], &[0; 9]);
        assert!(reader().outline(folder.path()).is_err());
        let error = reader().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("images") && error.contains("4294967295"), "{error}");
        write(&path, &[2, 2, 3], &[0; 90]);
        let error = reader().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("holds more bytes of data"), "{error}");
        std::fs::write(&path, b"hello world, this is text").unwrap();
        let error = reader().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("it is a text file"), "{error}");
    }

    #[test]
    fn labels_may_begin_at_one() {
        let folder = small();
        let from_one = Idx { first_label: 1, ..reader() };
        assert_eq!(from_one.read(folder.path()).unwrap().targets.strata(), [6, 0]);
        assert_eq!(from_one.outline(folder.path()).unwrap().targets.strata(), [6, 0]);
        let error = Idx { first_label: 2, ..reader() }.read(folder.path()).err().unwrap();
        assert!(error.to_string().contains("row 1: label 1 is below `first_label = 2`"));
    }
}
