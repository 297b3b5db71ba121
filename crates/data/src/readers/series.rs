//! `series`: series and labels in files of arrays.

use std::path::{Path, PathBuf};

use isthmus_core::augmentation::SampleKind;
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::dataset::{LabelledSamples, Reader, Samples};
use isthmus_core::error::DataError;
use isthmus_core::registry::{About, Plugin, ReaderPlugin};
use isthmus_core::targets::TargetKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::array::Array;
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

/// Multivariate series with labels, numbers or texts, from a `.npz`, HDF5 or MATLAB file that holds
/// both, or from two `.npy` files. NaN and infinite values are refused. Series of different lengths are one
/// array as long as the longest, and an array of `lengths`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Series {
    /// The `.npz`, HDF5 or MATLAB file, or the `.npy` file of the series, relative to the data set's
    /// folder.
    pub file: String,
    /// Name of the series' array in a `.npz` or MATLAB file; its path in an HDF5 file.
    pub series: String,
    /// Name of the array of the series' lengths, where they differ: `[rows]`, whole numbers from 1 to
    /// the number of time steps of the series' array. What is beyond a series' length is not read.
    /// Absent: all series are as long as the array.
    pub lengths: Option<String>,
    /// Name of the labels' array, likewise.
    pub labels: String,
    /// The `.npy` file of the labels, where `file` is a `.npy` file.
    pub labels_file: Option<String>,
    /// The order of the array's dimensions.
    pub layout: SeriesLayout,
    /// Whether there are labels. With `false` the samples have none, and `labels` is not read.
    pub labelled: bool,
    /// What the labels' array holds: `classes`, one for each row; `labels`, sets of classes as
    /// `[rows, classes]` of 0 and 1; `values`, numbers as `[rows]` or `[rows, values]`; `sequences`
    /// of class numbers as `[rows, longest]`, -1 after the end of each. NaN stands for no label.
    pub targets: TargetKind,
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
            lengths: None,
            labels: "y".to_owned(),
            labels_file: None,
            layout: SeriesLayout::ChannelsFirst,
            labelled: true,
            targets: TargetKind::Classes,
            first_label: 0,
            rows: None,
        }
    }
}

impl PluginConfig for Series {
    fn check(&self) -> Result<(), FieldProblem> {
        if self.lengths.is_some() && self.file.ends_with(".npy") {
            return Err(FieldProblem {
                field: "lengths".to_owned(),
                message: format!(
                    "`{}` holds one array; lengths are read from a `.npz` or HDF5 file that holds \
                     them too",
                    self.file
                ),
            });
        }
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

    fn targets(&self) -> TargetKind {
        self.targets
    }
}

isthmus_core::inventory::submit! {
    Plugin::reader::<Series>(About {
        name: "series",
        summary: "multivariate series, of one length or of different ones, and labels in .npz, .npy, \
                  HDF5 or MATLAB files",
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
            targets: self.targets,
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
        let [channels, length] = match self.layout {
            SeriesLayout::ChannelsFirst => [second, third],
            SeriesLayout::TimeFirst => [third, second],
        };
        let lengths = match &self.lengths {
            None => None,
            Some(name) => Some(lengths(&arrays.array(name)?, rows, length)?),
        };
        let mut values = array.floats()?;
        let is_read = |at: usize| {
            let step = match self.layout {
                SeriesLayout::ChannelsFirst => at % third,
                SeriesLayout::TimeFirst => at / third % second,
            };
            lengths.as_ref().is_none_or(|lengths| step < lengths[at / (second * third)])
        };
        let is_gap = |(at, value): (usize, &f32)| !value.is_finite() && is_read(at);
        if let Some(at) = values.iter().enumerate().position(is_gap) {
            return Err(fail(format!(
                "row {}, position [{}, {}] (counted from 0) is {}; series must be finite: fill the \
                 gap or drop the row",
                at / (second * third),
                at / third % second,
                at % third,
                values[at]
            )));
        }
        if self.layout == SeriesLayout::TimeFirst {
            values = channels_first(&values, second, third);
        }
        let samples = match lengths {
            None => Samples::Series { channels, length, values },
            Some(lengths) => {
                let values = cut(&values, channels, length, &lengths);
                Samples::VariableSeries { channels, lengths, values }
            }
        };
        let labels = self.array_labels().read(folder, &mut arrays, rows)?;
        self.array_labels().labelled(samples, labels, &array.header.place)
    }
}

/// The lengths of `rows` series of at most `longest` time steps.
fn lengths(array: &Array, rows: usize, longest: usize) -> Result<Vec<usize>, DataError> {
    let shape = &array.header.shape;
    if shape.as_slice() != [rows] {
        return Err(array.header.fail(format!(
            "lengths have shape {shape:?}; expected one length for each of the {rows} series, \
             [{rows}]"
        )));
    }
    let length = |(row, length): (usize, Option<i64>)| {
        let fits = |&length: &usize| (1..=longest).contains(&length);
        length.and_then(|it| usize::try_from(it).ok()).filter(fits).ok_or_else(|| {
            let found = length.map_or_else(|| "NaN".to_owned(), |length| length.to_string());
            array.header.fail(format!(
                "row {row} has the length {found}; expected a whole number from 1 to {longest}, \
                 the time steps of the series' array"
            ))
        })
    };
    array.integers()?.into_iter().enumerate().map(length).collect()
}

/// `[rows, channels, longest]` to the series of their own lengths, `[channels, length]` each, one
/// after the other.
fn cut(values: &[f32], channels: usize, longest: usize, lengths: &[usize]) -> Vec<f32> {
    let rows = values.chunks_exact(channels * longest).zip(lengths);
    rows.flat_map(|(row, &length)| row.chunks_exact(longest).flat_map(move |it| &it[..length]))
        .copied()
        .collect()
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
    use std::io::Write;

    use zip::write::SimpleFileOptions;

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

    /// What a `.npz` file of two series of two channels and three steps gives.
    fn variable(
        layout: SeriesLayout,
        shape: &[usize],
        values: &[f32],
        lengths: (&str, &[usize], &[u8]),
    ) -> Result<LabelledSamples, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let (descr, of, data) = lengths;
        let arrays = [
            ("x", npy::encode("<f4", shape, false, &bytes)),
            ("steps", npy::encode(descr, of, false, data)),
            ("y", npy::encode("|u1", &[2], false, &[0, 1])),
        ];
        let file = std::fs::File::create(folder.path().join("series.npz")).unwrap();
        let mut archive = zip::ZipWriter::new(file);
        for (name, bytes) in arrays {
            archive.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
            archive.write_all(&bytes).unwrap();
        }
        archive.finish().unwrap();
        let reader = Series { lengths: Some("steps".to_owned()), layout, ..Series::default() };
        reader.read(folder.path())
    }

    #[test]
    fn series_are_cut_to_their_lengths() {
        let rest = f32::NAN;
        let first = [1.0, 2.0, rest, 3.0, 4.0, rest, 5.0, rest, rest, 6.0, rest, rest];
        let time_first = [1.0, 3.0, 2.0, 4.0, rest, rest, 5.0, 6.0, rest, rest, rest, rest];
        for (layout, shape, values) in [
            (SeriesLayout::ChannelsFirst, [2, 2, 3], first),
            (SeriesLayout::TimeFirst, [2, 3, 2], time_first),
        ] {
            let read = variable(layout, &shape, &values, ("|u1", &[2], &[2, 1])).unwrap();
            assert_eq!((read.samples.rows(), read.targets.strata()), (2, vec![0, 1]));
            let Samples::VariableSeries { channels, lengths, values } = read.samples else {
                panic!()
            };
            assert_eq!((channels, lengths), (2, vec![2, 1]));
            assert_eq!(values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused_with_their_row() {
        let read = |lengths| {
            let layout = SeriesLayout::ChannelsFirst;
            let read = variable(layout, &[2, 2, 3], &[0.0; 12], lengths);
            read.err().unwrap().to_string()
        };
        let text = read(("|u1", &[2], &[3, 0]));
        assert!(text.contains("array `steps`: row 1 has the length 0"), "{text}");
        let text = read(("|i1", &[2], &[4, 1]));
        assert!(text.contains("row 0 has the length 4; expected a whole number from 1 to 3"));
        assert!(read(("|i1", &[2], &[3, 0xff])).contains("row 1 has the length -1"));
        assert!(read(("|u1", &[3], &[1; 3])).contains("expected one length for each of the 2"));
        let gap = f32::NAN;
        let values = [0.0, 0.0, 0.0, 0.0, gap, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let layout = SeriesLayout::ChannelsFirst;
        let read = variable(layout, &[2, 2, 3], &values, ("|u1", &[2], &[2, 1]));
        let text = read.err().unwrap().to_string();
        assert!(text.contains("row 0, position [1, 1] (counted from 0) is NaN"), "{text}");
        let one = Series { lengths: Some("n".to_owned()), ..reader(SeriesLayout::TimeFirst) };
        assert_eq!(one.check().unwrap_err().field, "lengths");
    }

    #[test]
    fn one_array_needs_a_file_of_labels() {
        let without = Series { labels_file: None, ..reader(SeriesLayout::TimeFirst) };
        assert_eq!(without.check().unwrap_err().field, "labels_file");
        assert!(Series::default().check().is_ok());
    }
}
