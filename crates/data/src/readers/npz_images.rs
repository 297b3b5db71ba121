//! `npz-images`: small images and labels in a file of arrays.

use std::path::{Path, PathBuf};

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::dataset::{LabelledSamples, Reader, SampleOutline, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use isthmus_core::targets::RowTargets;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::arrays::Arrays;
use crate::labels::{Labels, labels};
use crate::readers::RowLimit;

/// Images of one size, `[rows, height, width]` or `[rows, height, width, 1 or 3]`, with their labels,
/// in a NumPy archive (`.npz`), an HDF5 or a MATLAB file. Pixels are whole numbers from 0 to 255 or floats
/// from 0 to 1, labels whole numbers, as integers or floats, or texts: the classes' names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NpzImages {
    /// The `.npz`, HDF5 or MATLAB file, relative to the data set's folder.
    pub file: String,
    /// Name of the images' array; its path in an HDF5 file.
    pub images: String,
    /// Name of the labels' array, likewise.
    pub labels: String,
    /// Whether there are labels. With `false` the samples have none, and `labels` is not read.
    pub labelled: bool,
    /// The label of the first class where labels are numbers: 1 where they run from 1.
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
            labelled: true,
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
        summary: "small images of one size with labels in a .npz, HDF5 or MATLAB file",
        paper: "",
    })
}

impl Reader for NpzImages {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        vec![vec![PathBuf::from(&self.file)]]
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let path = folder.join(&self.file);
        let mut arrays = Arrays::open(&path)?;
        let images = arrays.array(&self.images)?;
        let dims = images.header.images()?;
        let place = images.header.place.clone();
        self.samples(&mut arrays, dims, images.into_pixels()?, &place)
    }

    fn outline(&self, folder: &Path) -> Result<SampleOutline, DataError> {
        let path = folder.join(&self.file);
        let mut arrays = Arrays::open(&path)?;
        let header = arrays.header(&self.images)?;
        let dims = header.images()?;
        Ok(self.samples(&mut arrays, dims, Vec::new(), &header.place)?.outline())
    }
}

impl NpzImages {
    fn samples(
        &self,
        arrays: &mut Arrays<'_>,
        [rows, height, width, channels]: [usize; 4],
        pixels: Vec<u8>,
        place: &str,
    ) -> Result<LabelledSamples, DataError> {
        let labels = if self.labelled {
            labels(&arrays.array(&self.labels)?, self.first_label, rows)?
        } else {
            Labels { classes: vec![None; rows], names: None }
        };
        let samples = Samples::Images { channels, height, width, pixels };
        let samples = LabelledSamples {
            class_names: labels.names,
            first_label: self.first_label,
            ..LabelledSamples::new(samples, RowTargets::of_classes(&labels.classes))
        };
        RowLimit::apply(self.rows.as_ref(), place, samples)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::npy;

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
            assert_eq!(read.targets.strata(), [3, 4]);
        }
    }

    #[test]
    fn wrong_shapes_types_and_lengths_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let labels = npy::encode("|u1", &[2], false, &[3, 4]);
        let cases = [
            (npy::encode("|u1", &[2, 2], false, &[0; 4]), "expected [rows, height, width]"),
            (npy::encode("<i4", &[2, 1, 1], false, &[0, 0, 0, 0, 0, 1, 0, 0]), "row 1 has 256"),
            (npy::encode("<U1", &[2, 1, 1], false, &[0; 8]), "holds texts"),
            (npy::encode("|u1", &[3, 1, 1], false, &[0; 3]), "2 labels for 3 samples"),
            (npy::encode("|u1", &[0, 1, 1], false, &[]), "has no images: shape [0, 1, 1]"),
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
