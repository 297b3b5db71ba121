//! `npz-images`: small images and labels in a NumPy archive.

use std::path::{Path, PathBuf};

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::npy::{self, Npz};
use crate::readers::RowLimit;

/// Images of one size, unsigned bytes `[rows, height, width]` or `[rows, height, width, 1 or 3]`,
/// with integer labels, in a `.npz` file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NpzImages {
    /// The `.npz` file, relative to the data set's folder.
    pub file: String,
    /// Name of the images' array.
    pub images: String,
    /// Name of the labels' array.
    pub labels: String,
    /// The label of the first class: 1 where labels run from 1.
    pub first_label: i64,
    /// Keeps only some rows.
    pub rows: Option<RowLimit>,
}

impl Default for NpzImages {
    fn default() -> Self {
        Self {
            file: "images.npz".to_owned(),
            images: "images".to_owned(),
            labels: "labels".to_owned(),
            first_label: 0,
            rows: None,
        }
    }
}

impl PluginConfig for NpzImages {
    fn check(&self) -> Result<(), FieldProblem> {
        RowLimit::check(self.rows.as_ref())
    }
}

impl ReaderPlugin for NpzImages {
    fn build(self) -> Box<dyn Reader> {
        Box::new(self)
    }

    fn samples(&self) -> SampleKind {
        SampleKind::Image
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<NpzImages>(About {
        name: "npz-images",
        summary: "small images of one size with labels in a .npz file",
        paper: "",
    })
}

impl Reader for NpzImages {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        vec![vec![PathBuf::from(&self.file)]]
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let path = folder.join(&self.file);
        let mut npz = Npz::open(&path)?;
        let images = npz.array(&self.images)?;
        let labels = npz.array(&self.labels)?;
        let place = images.place.clone();
        let (rows, height, width, channels) = match *images.shape.as_slice() {
            [rows, height, width] => (rows, height, width, 1),
            [rows, height, width, channels @ (1 | 3)] => (rows, height, width, channels),
            _ => {
                return Err(DataError::File {
                    file: place,
                    problem: format!(
                        "images have shape {:?}; expected [rows, height, width] or [rows, \
                         height, width, 1 or 3]",
                        images.shape
                    ),
                });
            }
        };
        let pixels = images.into_bytes()?;
        if pixels.is_empty() {
            return Err(DataError::File { file: place, problem: "has no images".to_owned() });
        }
        let samples = LabelledSamples {
            samples: Samples::Images { channels, height, width, pixels },
            labels: npy::labels(&labels, self.first_label, rows)?,
            class_names: None,
        };
        RowLimit::apply(self.rows.as_ref(), &place, samples)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;

    use super::*;

    fn write(folder: &Path, images: &[u8], labels: &[u8]) {
        let mut writer =
            zip::ZipWriter::new(std::fs::File::create(folder.join("images.npz")).unwrap());
        for (name, bytes) in [("images.npy", images), ("labels.npy", labels)] {
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap();
    }

    #[test]
    fn grey_and_colour_images() {
        let folder = tempfile::tempdir().unwrap();
        let labels = npy::encode("|u1", &[2], false, &[3, 4]);
        let pixels: Vec<u8> = (0..24).collect();
        for (shape, expected) in [(vec![2, 4, 3], (1, 4, 3)), (vec![2, 2, 2, 3], (3, 2, 2))] {
            write(folder.path(), &npy::encode("|u1", &shape, false, &pixels), &labels);
            let read = NpzImages::default().read(folder.path()).unwrap();
            let Samples::Images { channels, height, width, pixels: read_pixels } = read.samples
            else {
                panic!("not images")
            };
            assert_eq!((channels, height, width), expected);
            assert_eq!(read_pixels, pixels);
            assert_eq!(read.labels, [3, 4]);
        }
    }

    #[test]
    fn wrong_shapes_types_and_lengths_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let labels = npy::encode("|u1", &[2], false, &[3, 4]);
        let cases = [
            (npy::encode("|u1", &[2, 2], false, &[0; 4]), "expected [rows, height, width]"),
            (npy::encode("<i4", &[1, 1, 1], false, &[0; 4]), "unsigned bytes"),
            (npy::encode("|u1", &[3, 1, 1], false, &[0; 3]), "2 labels for 3 samples"),
            (npy::encode("|u1", &[0, 1, 1], false, &[]), "has no images"),
        ];
        for (images, expected) in cases {
            write(folder.path(), &images, &labels);
            let error = NpzImages::default().read(folder.path()).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
        std::fs::write(folder.path().join("images.npz"), b"PK\x03\x04").unwrap();
        let error = NpzImages::default().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("not a readable zip archive"), "{error}");
    }
}
