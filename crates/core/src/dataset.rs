//! Data sets: what readers return and what the engine draws batches from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::DataError;
use crate::input::InputShape;
use crate::stage::SampleView;

/// Where the bytes of an encoded image are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncodedImage {
    /// A file of its own.
    File(PathBuf),
    /// An uncompressed or deflated entry of a zip archive.
    ZipEntry {
        /// The archive.
        archive: Arc<Path>,
        /// Position of the entry in the archive.
        index: usize,
        /// Name of the entry, for messages.
        name: String,
    },
}

/// Samples as a reader returns them, before any transform.
#[derive(Clone, Debug)]
pub enum Samples {
    /// Feature vectors, row-major.
    Features {
        /// Values of one row.
        size: usize,
        /// `rows * size` values.
        values: Vec<f32>,
    },
    /// Small images of one size, `[rows, height, width, channels]`.
    Images {
        /// 1 or 3.
        channels: usize,
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
        /// Grey or RGB values.
        pixels: Vec<u8>,
    },
    /// Images of any size, decoded when they are needed.
    Encoded(Vec<EncodedImage>),
    /// Series of one length, `[rows, channels, length]`.
    Series {
        /// Number of channels.
        channels: usize,
        /// Number of time steps.
        length: usize,
        /// The values of all rows.
        values: Vec<f32>,
    },
}

impl Samples {
    /// Number of samples.
    pub fn rows(&self) -> usize {
        match self {
            Self::Features { size, values } => values.len().checked_div(*size).unwrap_or(0),
            Self::Images { channels, height, width, pixels } => {
                pixels.len().checked_div(channels * height * width).unwrap_or(0)
            }
            Self::Encoded(images) => images.len(),
            Self::Series { channels, length, values } => {
                values.len().checked_div(channels * length).unwrap_or(0)
            }
        }
    }
}

/// Samples with their classes.
#[derive(Clone, Debug)]
pub struct LabelledSamples {
    /// The samples.
    pub samples: Samples,
    /// Class of each sample.
    pub labels: Vec<u32>,
    /// Names of the classes in label order, where the files tell them.
    pub class_names: Option<Vec<String>>,
}

/// Reads one set of samples (a domain, or one split of it) from files below a folder.
pub trait Reader: Send + Sync {
    /// The files or folders that are read, relative to the data set's folder. Any one of a
    /// group is enough (`amazon/images` or `amazon.zip`).
    fn files(&self) -> Vec<Vec<PathBuf>>;

    /// Reads the samples.
    ///
    /// # Errors
    /// If a file is missing, damaged, or its parts do not fit each other.
    fn read(&self, folder: &Path) -> Result<LabelledSamples, DataError>;
}

/// Samples ready to be fed to a network, by position. Safe to read from many threads.
pub trait SampleSource: Send + Sync {
    /// Number of samples.
    fn rows(&self) -> usize;

    /// Shape of one sample.
    fn shape(&self) -> InputShape;

    /// The values of the given rows, one after the other, `indices.len() * shape().len()` values.
    ///
    /// # Errors
    /// If a sample cannot be read or decoded.
    fn values(&self, indices: &[usize], view: SampleView) -> Result<Vec<f32>, DataError>;

    /// Whether reading a training view takes so long that it should be read ahead.
    fn is_slow(&self) -> bool {
        false
    }
}

/// Samples ready for use, with their classes: only the engine and the evaluation hold these.
#[derive(Clone)]
pub struct LabelledSource {
    /// The samples.
    pub samples: Arc<dyn SampleSource>,
    /// Class of each sample.
    pub labels: Arc<[u32]>,
}

/// One domain of a data set, ready for use.
#[derive(Clone)]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// What is trained on.
    pub train: LabelledSource,
    /// What validators score: held out of training; absent where nothing was held out.
    pub validation: Option<LabelledSource>,
    /// What is tested on; under a transductive protocol the same samples as `train`.
    pub test: LabelledSource,
}
