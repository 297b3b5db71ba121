//! What a network is fed: feature vectors, images, series or texts, one row a sample.
//!
//! Another kind of sample is one variant more of [`InputShape`], [`Input`],
//! [`Samples`](crate::dataset::Samples) and [`SampleValues`].

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::sample_values::SampleValues;
use crate::states::{PaddedSeries, pad_rows};

/// The shape of one sample, without the batch dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputShape {
    /// A vector of `size` values.
    Features {
        /// Number of values.
        size: usize,
    },
    /// An image, channels first.
    Image {
        /// Number of channels: 1 for grey, 3 for RGB.
        channels: usize,
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
    },
    /// A multivariate series, channels first.
    Series {
        /// Number of channels.
        channels: usize,
        /// Number of time steps.
        length: usize,
    },
    /// A multivariate series, channels first, whose length is its own.
    VariableSeries {
        /// Number of channels.
        channels: usize,
        /// Time steps of the longest series of the set.
        longest: usize,
    },
    /// A text. Its network makes numbers of it.
    Text,
}

impl InputShape {
    /// Number of values of one sample; where lengths differ, of the longest. A text has none.
    pub fn len(&self) -> usize {
        match *self {
            Self::Features { size } => size,
            Self::Image { channels, height, width } => channels * height * width,
            Self::Series { channels, length } => channels * length,
            Self::VariableSeries { channels, longest } => channels * longest,
            Self::Text => 0,
        }
    }

    /// Whether a network that was built for samples of this shape takes those of `other`: of the
    /// same shape, or series of any lengths with as many channels.
    pub fn takes(self, other: Self) -> bool {
        match (self, other) {
            (
                Self::VariableSeries { channels, .. },
                Self::VariableSeries { channels: found, .. },
            ) => channels == found,
            _ => self == other,
        }
    }

    /// Whether a sample has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Display for InputShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Features { size } => write!(f, "features [{size}]"),
            Self::Image { channels, height, width } => {
                write!(f, "images [{channels}, {height}, {width}]")
            }
            Self::Series { channels, length } => write!(f, "series [{channels}, {length}]"),
            Self::VariableSeries { channels, longest } => {
                write!(f, "series of different lengths [{channels}, up to {longest}]")
            }
            Self::Text => f.write_str("texts"),
        }
    }
}

/// A batch of inputs, the batch dimension first.
#[derive(Clone, Debug)]
pub enum Input {
    /// `[batch, features]`.
    Features(Tensor<2>),
    /// `[batch, channels, height, width]`.
    Images(Tensor<4>),
    /// `[batch, channels, length]`.
    Series(Tensor<3>),
    /// Series of different lengths, padded to the longest of the batch or beyond.
    VariableSeries(PaddedSeries),
    /// Texts, on the host.
    Texts(Vec<String>),
}

impl Input {
    /// Builds a batch from the values of `rows` samples of a source of `shape`.
    ///
    /// # Panics
    /// If the number of values does not fit the shape; sources guarantee that it does.
    pub fn from_values(
        values: impl Into<SampleValues>,
        rows: usize,
        shape: InputShape,
        device: &Device,
    ) -> Self {
        use burn::tensor::TensorData;
        let values = match values.into() {
            SampleValues::Dense(values) => values,
            SampleValues::Series { channels, lengths, values } => {
                let all = channels * lengths.iter().sum::<usize>();
                assert!(
                    lengths.len() == rows && values.len() == all,
                    "values do not fit {rows} x {shape}"
                );
                return Self::VariableSeries(pad_rows(&values, lengths, channels, device));
            }
            SampleValues::Texts(texts) => {
                assert!(texts.len() == rows, "{} texts do not fit {rows} x {shape}", texts.len());
                return Self::Texts(texts);
            }
        };
        assert_eq!(values.len(), rows * shape.len(), "values do not fit {rows} x {shape}");
        match shape {
            InputShape::Features { size } => {
                Self::Features(Tensor::from_data(TensorData::new(values, [rows, size]), device))
            }
            InputShape::Image { channels, height, width } => Self::Images(Tensor::from_data(
                TensorData::new(values, [rows, channels, height, width]),
                device,
            )),
            InputShape::Series { channels, length } => Self::Series(Tensor::from_data(
                TensorData::new(values, [rows, channels, length]),
                device,
            )),
            InputShape::VariableSeries { channels, longest } => {
                let data = TensorData::new(values, [rows, channels, longest]);
                let values = Tensor::from_data(data, device);
                Self::VariableSeries(PaddedSeries { values, lengths: vec![longest; rows] })
            }
            InputShape::Text => panic!("values were given in place of {rows} texts"),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Features(tensor) => tensor.dims()[0],
            Self::Images(tensor) => tensor.dims()[0],
            Self::Series(tensor) => tensor.dims()[0],
            Self::VariableSeries(series) => series.lengths.len(),
            Self::Texts(texts) => texts.len(),
        }
    }

    /// Valid time steps of each row, where they differ; what is beyond is padding.
    pub fn lengths(&self) -> Option<&[usize]> {
        match self {
            Self::VariableSeries(series) => Some(&series.lengths),
            _ => None,
        }
    }

    /// The shape of one row.
    pub fn shape(&self) -> InputShape {
        match self {
            Self::Features(tensor) => InputShape::Features { size: tensor.dims()[1] },
            Self::Images(tensor) => {
                let [_, channels, height, width] = tensor.dims();
                InputShape::Image { channels, height, width }
            }
            Self::Series(tensor) => {
                let [_, channels, length] = tensor.dims();
                InputShape::Series { channels, length }
            }
            Self::VariableSeries(series) => {
                let [_, channels, longest] = series.values.dims();
                InputShape::VariableSeries { channels, longest }
            }
            Self::Texts(_) => InputShape::Text,
        }
    }

    /// The same off the tape.
    pub fn inner(self) -> Self {
        match self {
            Self::Features(tensor) => Self::Features(tensor.inner()),
            Self::Images(tensor) => Self::Images(tensor.inner()),
            Self::Series(tensor) => Self::Series(tensor.inner()),
            Self::VariableSeries(PaddedSeries { values, lengths }) => {
                Self::VariableSeries(PaddedSeries { values: values.inner(), lengths })
            }
            Self::Texts(texts) => Self::Texts(texts),
        }
    }

    /// The rows of `self`, then those of `other`; series of different lengths are padded to the
    /// longest of both.
    ///
    /// # Panics
    /// If the two are of different kinds; both come from one data set, so they are not.
    pub fn concatenate(self, other: Self) -> Self {
        match (self, other) {
            (Self::Features(a), Self::Features(b)) => Self::Features(Tensor::cat(vec![a, b], 0)),
            (Self::Images(a), Self::Images(b)) => Self::Images(Tensor::cat(vec![a, b], 0)),
            (Self::Series(a), Self::Series(b)) => Self::Series(Tensor::cat(vec![a, b], 0)),
            (Self::VariableSeries(a), Self::VariableSeries(b)) => {
                Self::VariableSeries(a.concatenate(b))
            }
            (Self::Texts(a), Self::Texts(b)) => Self::Texts([a, b].concat()),
            (a, b) => panic!("cannot join {} and {}", a.shape(), b.shape()),
        }
    }

    /// `rows` rows from `first` on.
    pub fn narrow(self, first: usize, rows: usize) -> Self {
        match self {
            Self::Features(tensor) => Self::Features(tensor.narrow(0, first, rows)),
            Self::Images(tensor) => Self::Images(tensor.narrow(0, first, rows)),
            Self::Series(tensor) => Self::Series(tensor.narrow(0, first, rows)),
            Self::VariableSeries(series) => Self::VariableSeries(series.narrow(first, rows)),
            Self::Texts(texts) => Self::Texts(texts[first..first + rows].to_vec()),
        }
    }

    /// An input of the same kind and shape with the values `[batch, values]`: the reverse of
    /// [`flatten`](Self::flatten). Padding stays 0, whatever the values are there.
    ///
    /// # Panics
    /// If the number of values differs, or the rows are texts.
    pub fn with_rows(&self, rows: Tensor<2>) -> Self {
        match self {
            Self::Features(_) => Self::Features(rows),
            Self::Images(tensor) => Self::Images(rows.reshape(tensor.dims())),
            Self::Series(tensor) => Self::Series(rows.reshape(tensor.dims())),
            Self::VariableSeries(series) => {
                Self::VariableSeries(series.with_values(rows.reshape(series.values.dims())))
            }
            Self::Texts(_) => panic!("texts have no values"),
        }
    }

    /// The rows as vectors `[batch, values]`, with their padding.
    ///
    /// # Panics
    /// If the rows are texts, which have no values: who flattens samples refuses them.
    pub fn flatten(self) -> Tensor<2> {
        match self {
            Self::Features(tensor) => tensor,
            Self::Images(tensor) => tensor.flatten(1, 3),
            Self::Series(tensor) => tensor.flatten(1, 2),
            Self::VariableSeries(series) => series.values.flatten(1, 2),
            Self::Texts(_) => panic!("texts have no values"),
        }
    }
}
