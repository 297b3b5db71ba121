//! `features`: feature vectors and labels in files of arrays.

use std::path::{Path, PathBuf};

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::dataset::{LabelledSamples, Reader, SampleOutline, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use isthmus_core::targets::TargetKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::array::Header;
use crate::arrays::Arrays;
use crate::readers::RowLimit;
use crate::readers::array_labels::ArrayLabels;
use crate::scaling;

/// Feature vectors `[rows, features]` with their labels, from a NumPy archive (`.npz`), an HDF5 file
/// or a MATLAB file (`.mat`, any version from 5 on) that holds both, or from two `.npy` files. Features
/// are floats or integers of any width; NaN and infinite values are refused. Labels are whole numbers, as integers or floats, or texts:
/// the classes' names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Features {
    /// The `.npz`, HDF5 or MATLAB file, or the `.npy` file of the features, relative to the data set's
    /// folder.
    pub file: String,
    /// Name of the features' array in a `.npz` or MATLAB file; its path in an HDF5 file (`train/x`).
    pub features: String,
    /// Name of the labels' array, likewise.
    pub labels: String,
    /// The `.npy` file of the labels, where `file` is a `.npy` file.
    pub labels_file: Option<String>,
    /// Whether there are labels. With `false` the samples have none, and `labels` is not read.
    pub labelled: bool,
    /// What the labels' array holds: `classes`, one for each row; `labels`, sets of classes as
    /// `[rows, classes]` of 0 and 1; `values`, numbers as `[rows]` or `[rows, values]`; `sequences`
    /// of class numbers as `[rows, longest]`, -1 after the end of each. NaN stands for no label.
    pub targets: TargetKind,
    /// The label of the first class where labels are numbers: 1 where they run from 1.
    pub first_label: i64,
    /// Divides each row by the sum of its values, as for counts of words; rows of zeros stay.
    pub shares: bool,
    /// Brings each feature to mean 0 and standard deviation 1 over all rows of the array: each domain
    /// by its own, where each has an array. After `shares`.
    pub standardize: bool,
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
            labelled: true,
            targets: TargetKind::Classes,
            first_label: 0,
            shares: false,
            standardize: false,
            rows: None,
        }
    }
}

impl PluginConfig for Features {
    fn check(&self) -> Result<(), FieldProblem> {
        self.array_labels().check()
    }
}

impl ReaderPlugin for Features {
    fn build(self) -> Box<dyn Reader> {
        Box::new(self)
    }

    fn samples(&self) -> SampleKind {
        SampleKind::Features
    }

    fn targets(&self) -> TargetKind {
        self.targets
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<Features>(About {
        name: "features",
        summary: "feature vectors and labels in .npz, .npy, HDF5 or MATLAB files",
        paper: "",
    })
}

impl Features {
    fn array_labels(&self) -> ArrayLabels<'_> {
        ArrayLabels {
            samples: "features",
            file: &self.file,
            labels: &self.labels,
            labels_file: self.labels_file.as_deref(),
            labelled: self.labelled,
            targets: self.targets,
            first_label: self.first_label,
            rows: self.rows.as_ref(),
        }
    }
}

impl Reader for Features {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        self.array_labels().files()
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let path = folder.join(&self.file);
        let mut arrays = Arrays::open(&path)?;
        let [rows, size] = arrays.header(&self.features)?.features()?;
        let labels = self.array_labels().read(folder, &mut arrays, rows)?;
        let features = arrays.array(&self.features)?;
        let mut values = features.floats()?;
        check_finite(&features.header, &values, size)?;
        if self.shares {
            scaling::to_shares(&mut values, size);
        }
        if self.standardize {
            scaling::standardize(&mut values, size);
        }
        self.array_labels().labelled(
            Samples::Features { size, values },
            labels,
            &features.header.place,
        )
    }

    fn outline(&self, folder: &Path) -> Result<SampleOutline, DataError> {
        let path = folder.join(&self.file);
        let mut arrays = Arrays::open(&path)?;
        let header = arrays.header(&self.features)?;
        let [rows, size] = header.features()?;
        let labels = self.array_labels().read(folder, &mut arrays, rows)?;
        // Which rows are kept follows from the labels alone.
        let none = Samples::Features { size, values: Vec::new() };
        Ok(self.array_labels().labelled(none, labels, &header.place)?.outline())
    }
}

fn check_finite(header: &Header, values: &[f32], size: usize) -> Result<(), DataError> {
    let mut bad = values.iter().enumerate().filter(|(_, value)| !value.is_finite());
    let Some((at, value)) = bad.next() else { return Ok(()) };
    let mut rows: Vec<usize> = bad.map(|(at, _)| at / size).collect();
    rows.dedup();
    rows.retain(|row| *row != at / size);
    let more = match rows.len() {
        0 => String::new(),
        count => format!(" ({count} more rows have such values)"),
    };
    Err(header.fail(format!(
        "row {}, column {} (counted from 0) is {value}{more}; features must be finite: extract \
         them again or drop the rows",
        at / size,
        at % size,
    )))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use isthmus_core::input::InputShape;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::npy;

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
        assert_eq!(read.targets.strata(), [1, 0]);
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
        assert_eq!(reader.read(folder.path()).unwrap().targets.strata(), [2]);
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
    fn rows_become_shares_and_columns_are_standardized() {
        let folder = two_by_three(&[1.0, 2.0, 1.0, 0.0, 4.0, 0.0], &[1, 0]);
        let values = |shares, standardize| {
            let reader = Features { shares, standardize, ..Features::default() };
            match reader.read(folder.path()).unwrap().samples {
                Samples::Features { values, .. } => values,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(values(true, false), [0.25, 0.5, 0.25, 0.0, 1.0, 0.0]);
        assert_eq!(values(false, true), [1.0, -1.0, 1.0, -1.0, 1.0, -1.0]);
        assert_eq!(values(true, true), [1.0, -1.0, 1.0, -1.0, 1.0, -1.0]);
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

    #[test]
    fn texts_and_whole_floats_are_labels_and_integers_are_features() {
        let folder = tempfile::tempdir().unwrap();
        let x = npy::encode("<i2", &[2, 1], false, &[3, 0, 4, 0]);
        let y = npy::encode("|S3", &[2], false, b"dogcat");
        write_npz(&folder.path().join("features.npz"), &[("x", x.clone()), ("y", y)]);
        let read = Features::default().read(folder.path()).unwrap();
        assert_eq!(
            (read.targets.strata(), read.class_names.unwrap()),
            (vec![1, 0], vec!["cat".to_owned(), "dog".to_owned()])
        );
        let Samples::Features { values, .. } = read.samples else { panic!("not features") };
        assert_eq!(values, [3.0, 4.0]);
        let data: Vec<u8> = [1.0f64, 2.0].iter().flat_map(|it| it.to_le_bytes()).collect();
        let y = npy::encode("<f8", &[2], false, &data);
        write_npz(&folder.path().join("features.npz"), &[("x", x), ("y", y)]);
        let reader = Features { first_label: 1, ..Features::default() };
        assert_eq!(reader.read(folder.path()).unwrap().targets.strata(), [0, 1]);
    }

    #[test]
    fn the_outline_needs_no_values() {
        // NaN is seen only by who reads the values; shapes, types and labels are seen before.
        let folder = two_by_three(&[f32::NAN; 6], &[1, 0]);
        let outline = Features::default().outline(folder.path()).unwrap();
        assert_eq!(outline.shape, Some(InputShape::Features { size: 3 }));
        assert_eq!(outline.targets.strata(), [1, 0]);
        let limited = Features {
            rows: Some(RowLimit { limit: 1, choose: crate::readers::RowChoice::First, seed: 0 }),
            ..Features::default()
        };
        assert_eq!(limited.outline(folder.path()).unwrap().targets.strata(), [1]);
        let x = npy::encode("<f4", &[2, 1, 3], false, &floats(&[0.0; 6]));
        let y = npy::encode("|u1", &[2], false, &[0, 1]);
        write_npz(&folder.path().join("features.npz"), &[("x", x), ("y", y)]);
        let error = Features::default().outline(folder.path()).err().unwrap().to_string();
        assert!(
            error.contains("features have shape [2, 1, 3]; expected two dimensions"),
            "{error}"
        );
    }
}
