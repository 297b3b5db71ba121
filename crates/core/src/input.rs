//! What a network is fed: feature vectors, images or series, one row a sample.

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

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
}

impl InputShape {
    /// Number of values of one sample.
    pub fn len(&self) -> usize {
        match *self {
            Self::Features { size } => size,
            Self::Image { channels, height, width } => channels * height * width,
            Self::Series { channels, length } => channels * length,
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
}

impl Input {
    /// Builds a batch from `rows * shape.len()` values in row-major order.
    ///
    /// # Panics
    /// If the number of values does not fit the shape; readers guarantee that it does.
    pub fn from_values(values: Vec<f32>, rows: usize, shape: InputShape, device: &Device) -> Self {
        use burn::tensor::TensorData;
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
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Features(tensor) => tensor.dims()[0],
            Self::Images(tensor) => tensor.dims()[0],
            Self::Series(tensor) => tensor.dims()[0],
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
        }
    }

    /// The rows of `self`, then those of `other`.
    ///
    /// # Panics
    /// If the two are of different kinds; both come from one data set, so they are not.
    pub fn concatenate(self, other: Self) -> Self {
        match (self, other) {
            (Self::Features(a), Self::Features(b)) => Self::Features(Tensor::cat(vec![a, b], 0)),
            (Self::Images(a), Self::Images(b)) => Self::Images(Tensor::cat(vec![a, b], 0)),
            (Self::Series(a), Self::Series(b)) => Self::Series(Tensor::cat(vec![a, b], 0)),
            (a, b) => panic!("cannot join {} and {}", a.shape(), b.shape()),
        }
    }

    /// `rows` rows from `first` on.
    pub fn narrow(self, first: usize, rows: usize) -> Self {
        match self {
            Self::Features(tensor) => Self::Features(tensor.narrow(0, first, rows)),
            Self::Images(tensor) => Self::Images(tensor.narrow(0, first, rows)),
            Self::Series(tensor) => Self::Series(tensor.narrow(0, first, rows)),
        }
    }

    /// An input of the same kind and shape with the values `[batch, values]`: the reverse of
    /// [`flatten`](Self::flatten).
    ///
    /// # Panics
    /// If the number of values differs.
    pub fn with_rows(&self, rows: Tensor<2>) -> Self {
        match self {
            Self::Features(_) => Self::Features(rows),
            Self::Images(tensor) => Self::Images(rows.reshape(tensor.dims())),
            Self::Series(tensor) => Self::Series(rows.reshape(tensor.dims())),
        }
    }

    /// The rows as vectors `[batch, values]`.
    pub fn flatten(self) -> Tensor<2> {
        match self {
            Self::Features(tensor) => tensor,
            Self::Images(tensor) => tensor.flatten(1, 3),
            Self::Series(tensor) => tensor.flatten(1, 2),
        }
    }
}
