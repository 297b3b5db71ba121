//! `features`: feature vectors and labels in NumPy files.

use std::path::{Path, PathBuf};

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::npy::{self, Array, Npz};
use crate::readers::RowLimit;

/// Feature vectors `[rows, features]` (f2, f4 or f8) with integer labels, from a `.npz` file
/// that holds both, or from two `.npy` files. NaN and infinite values are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Features {
    /// The `.npz` file, or the `.npy` file of the features, relative to the data set's folder.
    pub file: String,
    /// Name of the features' array in a `.npz` file.
    pub features: String,
    /// Name of the labels' array in a `.npz` file.
    pub labels: String,
    /// The `.npy` file of the labels, where `file` is a `.npy` file.
    pub labels_file: Option<String>,
    /// The label of the first class: 1 where labels run from 1.
    pub first_label: i64,
    /// Keeps only some rows.
    pub rows: Option<RowLimit>,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            file: "features.npz".to_owned(),
            features: "x".to_owned(),
            labels: "y".to_owned(),
            labels_file: None,
            first_label: 0,
            rows: None,
        }
    }
}

impl PluginConfig for Features {
    fn check(&self) -> Result<(), FieldProblem> {
        if self.is_single_array() && self.labels_file.is_none() {
            return Err(FieldProblem {
                field: "labels_file".to_owned(),
                message: format!(
                    "`{}` holds one array; name the `.npy` file of the labels",
                    self.file
                ),
            });
        }
        RowLimit::check(self.rows.as_ref())
    }
}

impl ReaderPlugin for Features {
    fn build(self) -> Box<dyn Reader> {
        Box::new(self)
    }

    fn samples(&self) -> SampleKind {
        SampleKind::Features
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<Features>(About {
        name: "features",
        summary: "feature vectors and labels in .npz or .npy files",
        paper: "",
    })
}

impl Features {
    fn is_single_array(&self) -> bool {
        self.file.ends_with(".npy")
    }
}

impl Reader for Features {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        let mut files = vec![vec![PathBuf::from(&self.file)]];
        files.extend(self.labels_file.iter().map(|file| vec![PathBuf::from(file)]));
        files
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let path = folder.join(&self.file);
        let mut npz = if self.is_single_array() { None } else { Some(Npz::open(&path)?) };
        let features = match &mut npz {
            Some(npz) => npz.array(&self.features)?,
            None => Array::read(&path)?,
        };
        let labels = match (&self.labels_file, &mut npz) {
            (Some(file), _) => Array::read(&folder.join(file))?,
            (None, Some(npz)) => npz.array(&self.labels)?,
            (None, None) => {
                return Err(DataError::Mismatch(format!(
                    "`{}` has features only; name `labels_file`",
                    self.file
                )));
            }
        };
        let &[rows, size] = features.shape.as_slice() else {
            return Err(DataError::File {
                file: features.place.clone(),
                problem: format!(
                    "features have shape {:?}; expected two dimensions, [rows, features]",
                    features.shape
                ),
            });
        };
        if rows == 0 || size == 0 {
            return Err(DataError::File {
                file: features.place.clone(),
                problem: format!("is empty: shape [{rows}, {size}]"),
            });
        }
        let values = features.floats()?;
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(DataError::File {
                file: features.place.clone(),
                problem: format!(
                    "row {}, column {} (counted from 0) is {}; features must be finite: extract \
                     them again or drop the row",
                    at / size,
                    at % size,
                    values[at]
                ),
            });
        }
        let labels = npy::labels(&labels, self.first_label, rows)?;
        let samples = LabelledSamples {
            samples: Samples::Features { size, values },
            labels,
            class_names: None,
        };
        RowLimit::apply(self.rows.as_ref(), &features.place, samples)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;

    use super::*;

    fn write_npz(path: &Path, arrays: &[(&str, Vec<u8>)]) {
        let mut writer = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
        for (name, bytes) in arrays {
            writer.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap();
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn two_by_three(values: &[f32; 6], labels: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let x = npy::encode("<f4", &[2, 3], false, &floats(values));
        let y = npy::encode("|u1", &[labels.len()], false, labels);
        write_npz(&folder.path().join("features.npz"), &[("x", x), ("y", y)]);
        folder
    }

    #[test]
    fn features_and_labels_of_an_npz() {
        let folder = two_by_three(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[1, 0]);
        let read = Features::default().read(folder.path()).unwrap();
        let Samples::Features { size, values } = read.samples else { panic!("not features") };
        assert_eq!((size, values), (3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        assert_eq!(read.labels, [1, 0]);
    }

    #[test]
    fn features_and_labels_of_two_npy_files() {
        let folder = tempfile::tempdir().unwrap();
        let x = npy::encode("<f4", &[1, 2], false, &floats(&[1.0, 2.0]));
        std::fs::write(folder.path().join("x.npy"), x).unwrap();
        let y = npy::encode("<i8", &[1, 1], false, &3i64.to_le_bytes());
        std::fs::write(folder.path().join("y.npy"), y).unwrap();
        let reader = Features {
            file: "x.npy".to_owned(),
            labels_file: Some("y.npy".to_owned()),
            first_label: 1,
            ..Features::default()
        };
        reader.check().unwrap();
        assert_eq!(reader.read(folder.path()).unwrap().labels, [2]);
        let without = Features { labels_file: None, ..reader };
        assert_eq!(without.check().unwrap_err().field, "labels_file");
    }

    #[test]
    fn a_value_that_is_no_number_is_named() {
        for bad in [f32::NAN, f32::INFINITY] {
            let folder = two_by_three(&[1.0, 2.0, 3.0, 4.0, 5.0, bad], &[1, 0]);
            let error = Features::default().read(folder.path()).err().unwrap().to_string();
            assert!(error.contains("features.npz, array `x`: row 1, column 2"), "{error}");
        }
    }

    #[test]
    fn labels_of_another_length_are_an_error() {
        let folder = two_by_three(&[0.0; 6], &[1, 0, 1]);
        let error = Features::default().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("array `y`: has 3 labels for 2 samples"), "{error}");
    }

    #[test]
    fn a_missing_array_lists_those_there_are() {
        let folder = two_by_three(&[0.0; 6], &[1, 0]);
        let reader = Features { features: "z".to_owned(), ..Features::default() };
        let error = reader.read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("no array `z`; it has x, y"), "{error}");
    }

    #[test]
    fn a_damaged_file_says_so() {
        let folder = two_by_three(&[0.0; 6], &[1, 0]);
        let path = folder.path().join("features.npz");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 30]).unwrap();
        let error = Features::default().read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("features.npz") && error.contains("fetch it again"), "{error}");

        let mut flipped = whole;
        let data = flipped.windows(4).position(|bytes| bytes == b"NUMP").unwrap_or(40);
        flipped[data + 8] ^= 0x55;
        std::fs::write(&path, flipped).unwrap();
        assert!(Features::default().read(folder.path()).is_err());
    }
}
