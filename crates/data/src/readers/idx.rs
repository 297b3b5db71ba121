//! `idx`: images and labels in the format of MNIST.

use std::path::{Path, PathBuf};

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::archive::{self, FETCH_AGAIN};
use crate::problem;
use crate::readers::RowLimit;

/// Grey images and their labels in the IDX format of MNIST and its kin, gzip or not: for each
/// file, the name with `.gz` appended is read where the name itself is absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Idx {
    /// The images, relative to the data set's folder.
    pub images: String,
    /// The labels, relative to the data set's folder.
    pub labels: String,
    /// Keeps only some rows.
    pub rows: Option<RowLimit>,
}

impl Default for Idx {
    fn default() -> Self {
        Self {
            images: "train-images-idx3-ubyte".to_owned(),
            labels: "train-labels-idx1-ubyte".to_owned(),
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

    fn samples(&self) -> SampleKind {
        SampleKind::Image
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
        let images_path = present(folder, &self.images);
        let labels_path = present(folder, &self.labels);
        let ([rows, height, width], pixels) = array::<3>(&images_path)?;
        let ([labels], classes) = array::<1>(&labels_path)?;
        if labels != rows {
            return Err(problem::file(
                labels_path,
                format!("has {labels} labels for {rows} images; both must be of one length"),
            ));
        }
        let samples = LabelledSamples {
            samples: Samples::Images { channels: 1, height, width, pixels },
            labels: classes.into_iter().map(u32::from).collect(),
            class_names: None,
        };
        RowLimit::apply(self.rows.as_ref(), &images_path.display().to_string(), samples)
    }
}

/// Reads an array of unsigned bytes with `D` dimensions.
fn array<const D: usize>(path: &Path) -> Result<([usize; D], Vec<u8>), DataError> {
    let bytes = archive::read_unpacked(path)?;
    let fail = |problem: String| Err(problem::file(path, problem));
    let Some((magic, rest)) = bytes.split_first_chunk::<4>() else {
        return fail(format!("has {} bytes; it is no IDX file: {FETCH_AGAIN}", bytes.len()));
    };
    let expected = [0, 0, 8, D as u8];
    if *magic != expected {
        return fail(format!(
            "begins with {magic:02x?}, unsigned bytes of {D} dimensions begin with \
             {expected:02x?}; images and labels may be exchanged"
        ));
    }
    let mut dims = [0; D];
    let mut rest = rest;
    for size in &mut dims {
        let Some((word, after)) = rest.split_first_chunk::<4>() else {
            return fail(format!("ends inside its header: {FETCH_AGAIN}"));
        };
        *size = u32::from_be_bytes(*word) as usize;
        rest = after;
    }
    let Some(size) = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim)) else {
        return fail(format!("its shape {dims:?} is impossible: {FETCH_AGAIN}"));
    };
    if rest.len() != size || size == 0 {
        return fail(format!(
            "holds {} bytes of data, its shape {dims:?} needs {size}: {FETCH_AGAIN}",
            rest.len()
        ));
    }
    Ok((dims, rest.to_vec()))
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
        Idx { images: "images".to_owned(), labels: "labels".to_owned(), rows: None }
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
            assert_eq!(read.labels, [7, 1]);
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
}
