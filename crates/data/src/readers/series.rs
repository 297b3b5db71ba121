//! `series`: series of one length and labels in NumPy files.

use std::path::{Path, PathBuf};

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::arrays::Arrays;
use crate::readers::RowLimit;
use crate::readers::array_labels::ArrayLabels;

/// Which of an array's dimensions is time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SeriesLayout {
    /// `[rows, channels, time]`.
    #[default]
    ChannelsFirst,
    /// `[rows, time, channels]`.
    TimeFirst,
}

/// Multivariate series of one length with labels, numbers or texts, from a `.npz` or HDF5 file that
/// holds both, or from two `.npy` files. NaN and infinite values are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Series {
    /// The `.npz` or HDF5 file, or the `.npy` file of the series, relative to the data set's folder.
    pub file: String,
    /// Name of the series' array in a `.npz` file; its path in an HDF5 file.
    pub series: String,
    /// Name of the labels' array, likewise.
    pub labels: String,
    /// The `.npy` file of the labels, where `file` is a `.npy` file.
    pub labels_file: Option<String>,
    /// The order of the array's dimensions.
    pub layout: SeriesLayout,
    /// Whether there are labels. With `false` the samples have none, and `labels` is not read.
    pub labelled: bool,
    /// The label of the first class where labels are numbers: 1 where they run from 1.
    pub first_label: i64,
    /// Keeps only some rows.
    pub rows: Option<RowLimit>,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            file: "series.npz".to_owned(),
            series: "x".to_owned(),
            labels: "y".to_owned(),
            labels_file: None,
            layout: SeriesLayout::ChannelsFirst,
            labelled: true,
            first_label: 0,
            rows: None,
        }
    }
}

impl PluginConfig for Series {
    fn check(&self) -> Result<(), FieldProblem> {
        self.array_labels().check()
    }
}

impl ReaderPlugin for Series {
    fn build(self) -> Box<dyn Reader> {
        Box::new(self)
    }

    fn samples(&self) -> SampleKind {
        SampleKind::Series
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<Series>(About {
        name: "series",
        summary: "multivariate series of one length and labels in .npz or .npy files",
        paper: "",
    })
}

impl Series {
    fn array_labels(&self) -> ArrayLabels<'_> {
        ArrayLabels {
            samples: "series",
            file: &self.file,
            labels: &self.labels,
            labels_file: self.labels_file.as_deref(),
            labelled: self.labelled,
            first_label: self.first_label,
            rows: self.rows.as_ref(),
        }
    }
}

impl Reader for Series {
    fn files(&self) -> Vec<Vec<PathBuf>> {
        self.array_labels().files()
    }

    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError> {
        let path = folder.join(&self.file);
        let mut arrays = Arrays::open(&path)?;
        let array = arrays.array(&self.series)?;
        let fail = |problem: String| array.header.fail(problem);
        let shape = &array.header.shape;
        let &[rows, second, third] = shape.as_slice() else {
            let expected = match self.layout {
                SeriesLayout::ChannelsFirst => "[rows, channels, time]",
                SeriesLayout::TimeFirst => "[rows, time, channels]",
            };
            return Err(fail(format!(
                "series have shape {shape:?}; expected three dimensions, {expected}"
            )));
        };
        if rows * second * third == 0 {
            return Err(fail(format!("is empty: shape {shape:?}")));
        }
        let mut values = array.floats()?;
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(fail(format!(
                "row {}, position [{}, {}] (counted from 0) is {}; series must be finite: fill the \
                 gap or drop the row",
                at / (second * third),
                at / third % second,
                at % third,
                values[at]
            )));
        }
        let [channels, length] = match self.layout {
            SeriesLayout::ChannelsFirst => [second, third],
            SeriesLayout::TimeFirst => {
                values = channels_first(&values, second, third);
                [third, second]
            }
        };
        let labels = self.array_labels().read(folder, &mut arrays, rows)?;
        let samples = Samples::Series { channels, length, values };
        self.array_labels().labelled(samples, labels, &array.header.place)
    }
}

/// `[rows, length, channels]` to `[rows, channels, length]`.
fn channels_first(values: &[f32], length: usize, channels: usize) -> Vec<f32> {
    values
        .chunks_exact(length * channels)
        .flat_map(|row| {
            (0..channels).flat_map(move |channel| row[channel..].iter().step_by(channels))
        })
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npy;

    /// A folder with `x.npy` of two samples and `y.npy` of their labels.
    fn files(shape: &[usize], values: &[f32]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let x = npy::encode("<f4", shape, false, &bytes);
        std::fs::write(folder.path().join("x.npy"), x).unwrap();
        let y = npy::encode("|u1", &[2], false, &[2, 1]);
        std::fs::write(folder.path().join("y.npy"), y).unwrap();
        folder
    }

    fn reader(layout: SeriesLayout) -> Series {
        Series {
            file: "x.npy".to_owned(),
            labels_file: Some("y.npy".to_owned()),
            first_label: 1,
            layout,
            ..Series::default()
        }
    }

    fn error(shape: &[usize], values: &[f32]) -> String {
        let folder = files(shape, values);
        reader(SeriesLayout::TimeFirst).read(folder.path()).err().unwrap().to_string()
    }

    #[test]
    fn both_layouts_give_channels_first() {
        let numbers: Vec<f32> = (0..12).map(|value| value as f32).collect();
        let folder = files(&[2, 2, 3], &numbers);
        let read = reader(SeriesLayout::ChannelsFirst).read(folder.path()).unwrap();
        assert_eq!(read.targets.strata(), [1, 0]);
        let Samples::Series { channels, length, values } = read.samples else { panic!() };
        assert_eq!((channels, length, &values), (2, 3, &numbers));
        let read = reader(SeriesLayout::TimeFirst).read(folder.path()).unwrap();
        assert_eq!(read.samples.rows(), 2);
        let Samples::Series { channels, length, values } = read.samples else { panic!() };
        assert_eq!((channels, length), (3, 2));
        assert_eq!(values, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0, 6.0, 9.0, 7.0, 10.0, 8.0, 11.0]);
    }

    #[test]
    fn other_shapes_and_values_are_refused_with_their_place() {
        let text = error(&[2, 3], &[0.0; 6]);
        assert!(text.contains("x.npy") && text.contains("[rows, time, channels]"), "{text}");
        assert!(error(&[2, 0, 3], &[]).contains("is empty: shape [2, 0, 3]"));
        let mut values = [0.0; 12];
        values[10] = f32::NAN;
        let text = error(&[2, 2, 3], &values);
        assert!(text.contains("row 1, position [1, 1] (counted from 0) is NaN"), "{text}");
        assert!(error(&[3, 1, 1], &[0.0; 3]).contains("2 labels for 3 samples"));
    }

    #[test]
    fn one_array_needs_a_file_of_labels() {
        let without = Series { labels_file: None, ..reader(SeriesLayout::TimeFirst) };
        assert_eq!(without.check().unwrap_err().field, "labels_file");
        assert!(Series::default().check().is_ok());
    }
}
