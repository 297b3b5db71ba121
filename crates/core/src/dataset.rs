//! Data sets: what readers return and what the engine draws batches from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::DataError;
use crate::input::InputShape;
use crate::sample_values::SampleValues;
use crate::stage::SampleView;
use crate::targets::RowTargets;

/// Where the bytes of an encoded image are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncodedImage {
    /// A file of its own.
    File(PathBuf),
    /// A file in an archive.
    ArchiveEntry {
        /// The archive.
        archive: Arc<Path>,
        /// Position of the entry in the archive.
        index: usize,
        /// Name of the entry, for messages.
        name: String,
    },
}

impl std::fmt::Display for EncodedImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::ArchiveEntry { archive, name, .. } => write!(f, "{}: {name}", archive.display()),
        }
    }
}

/// How encoded images become bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageDecoding {
    /// Whether images are turned upright, as their EXIF orientation says.
    pub upright: bool,
    /// Which values become black and white, where an image has more than 8 bits a value.
    pub brightness: Brightness,
    /// Which slice of a volume is the image, from 0, the first, to 1, the last.
    pub slice: f64,
}

impl Default for ImageDecoding {
    fn default() -> Self {
        Self { upright: false, brightness: Brightness::Stated, slice: 0.5 }
    }
}

/// Which values become black and white, where an image has more than 8 bits a value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Brightness {
    /// What the file states: the ends of its type (0 and 65535, 0 and 1), the window of a DICOM image;
    /// where it states none, as for volumes, the image's own.
    #[default]
    Stated,
    /// 0 or the image's smallest value, if that is below, and its largest.
    Own,
    /// These two.
    Window([f64; 2]),
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
    /// Series of different lengths.
    VariableSeries {
        /// Number of channels.
        channels: usize,
        /// Time steps of each row, at least 1.
        lengths: Vec<usize>,
        /// The values, row after row, each `[channels, length]`.
        values: Vec<f32>,
    },
    /// Texts of any length.
    Texts(Vec<String>),
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
            Self::VariableSeries { lengths, .. } => lengths.len(),
            Self::Texts(texts) => texts.len(),
        }
    }
}

/// Samples with their targets.
#[derive(Clone, Debug)]
pub struct LabelledSamples {
    /// The samples.
    pub samples: Samples,
    /// What each sample is to be predicted as, where the files tell it.
    pub targets: RowTargets,
    /// Names of the classes in label order, where the files tell them. A class may have no sample.
    pub class_names: Option<Vec<String>>,
    /// Where the files number the classes: the number of the first one, label 0.
    pub first_label: i64,
    /// How encoded images become bytes.
    pub decoding: ImageDecoding,
    /// Samples a second, where series are sound.
    pub rate: Option<u32>,
    /// What was taken for classes, for messages about them.
    pub class_remark: Option<String>,
    /// What users should know, such as files that were left out.
    pub warnings: Vec<String>,
}

impl LabelledSamples {
    /// Samples with their targets, of which nothing else is known.
    pub fn new(samples: Samples, targets: impl Into<RowTargets>) -> Self {
        Self {
            samples,
            targets: targets.into(),
            class_names: None,
            first_label: 0,
            decoding: ImageDecoding::default(),
            rate: None,
            class_remark: None,
            warnings: Vec::new(),
        }
    }

    /// What is known of them without their values.
    pub fn outline(&self) -> SampleOutline {
        let shape = match &self.samples {
            &Samples::Features { size, .. } => Some(InputShape::Features { size }),
            &Samples::Images { channels, height, width, .. } => {
                Some(InputShape::Image { channels, height, width })
            }
            &Samples::Series { channels, length, .. } => {
                Some(InputShape::Series { channels, length })
            }
            Samples::VariableSeries { channels, lengths, .. } => {
                let longest = lengths.iter().copied().max().unwrap_or(0);
                Some(InputShape::VariableSeries { channels: *channels, longest })
            }
            Samples::Texts(_) => Some(InputShape::Text),
            Samples::Encoded(_) => None,
        };
        SampleOutline {
            shape,
            targets: self.targets.clone(),
            class_names: self.class_names.clone(),
            first_label: self.first_label,
            rate: self.rate,
            class_remark: self.class_remark.clone(),
            warnings: self.warnings.clone(),
        }
    }
}

/// What is known of samples without their values; fields as of [`LabelledSamples`].
#[derive(Clone, Debug)]
pub struct SampleOutline {
    /// Shape of one sample as the files have it; absent where each image has its own size.
    pub shape: Option<InputShape>,
    /// What each sample is to be predicted as, where the files tell it.
    pub targets: RowTargets,
    /// Names of the classes in label order, where the files tell them.
    pub class_names: Option<Vec<String>>,
    /// The number of the first class in the files.
    pub first_label: i64,
    /// Samples a second, where series are sound.
    pub rate: Option<u32>,
    /// What was taken for classes.
    pub class_remark: Option<String>,
    /// What users should know.
    pub warnings: Vec<String>,
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

    /// What the files' headers and labels tell, for a check before a run. Readers that can do it
    /// without reading all values should.
    ///
    /// # Errors
    /// As [`read`](Self::read), as far as it shows.
    fn outline(&self, folder: &Path) -> Result<SampleOutline, DataError> {
        Ok(self.read(folder)?.outline())
    }
}

/// Samples ready to be fed to a network, by position. Safe to read from many threads.
pub trait SampleSource: Send + Sync {
    /// Number of samples.
    fn rows(&self) -> usize;

    /// Shape of one sample.
    fn shape(&self) -> InputShape;

    /// What identifies a sample to people: the name of its file, else its row.
    fn name(&self, row: usize) -> String {
        row.to_string()
    }

    /// The values of the given rows, one after the other: series with their lengths where
    /// [`shape`](Self::shape) is that of series of different lengths, texts where it is that of
    /// texts, else `indices.len() * shape().len()` values.
    ///
    /// # Errors
    /// If a sample cannot be read or decoded.
    fn values(&self, indices: &[usize], view: SampleView) -> Result<SampleValues, DataError>;

    /// Whether reading a training view takes so long that it should be read ahead.
    fn is_slow(&self) -> bool {
        false
    }
}

/// Samples ready for use, with their targets: only the engine and the evaluation hold these.
#[derive(Clone)]
pub struct LabelledSource {
    /// The samples.
    pub samples: Arc<dyn SampleSource>,
    /// What each sample is to be predicted as, where that is known.
    pub targets: RowTargets,
}

impl LabelledSource {
    /// The same samples, with no target known.
    pub fn without_targets(&self) -> Self {
        Self { samples: Arc::clone(&self.samples), targets: RowTargets::none(self.samples.rows()) }
    }
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

impl Domain {
    /// The same domain, with no target known.
    pub fn without_targets(&self) -> Self {
        Self {
            name: self.name.clone(),
            train: self.train.without_targets(),
            validation: self.validation.as_ref().map(LabelledSource::without_targets),
            test: self.test.without_targets(),
        }
    }
}
