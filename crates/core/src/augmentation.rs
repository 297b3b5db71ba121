//! Augmentations: plugins that change a sample at random, the same way for the same key.

use serde::{Deserialize, Serialize};

use crate::input::InputShape;
use crate::random::Key;

/// What stands in the place of a word that is masked; tokenizers know it as one token.
pub const MASKED_WORD: &str = "[MASK]";

/// The kinds of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SampleKind {
    /// Images.
    Image,
    /// Feature vectors.
    Features,
    /// Series.
    Series,
    /// Texts.
    Text,
}

impl SampleKind {
    /// The kind of samples of this shape.
    pub fn of(shape: InputShape) -> Self {
        match shape {
            InputShape::Features { .. } => Self::Features,
            InputShape::Image { .. } => Self::Image,
            InputShape::Series { .. } | InputShape::VariableSeries { .. } => Self::Series,
            InputShape::Text => Self::Text,
        }
    }

    /// This kind and no other.
    pub const fn alone(self) -> &'static [Self] {
        match self {
            Self::Image => &[Self::Image],
            Self::Features => &[Self::Features],
            Self::Series => &[Self::Series],
            Self::Text => &[Self::Text],
        }
    }
}

impl std::fmt::Display for SampleKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Image => "images",
            Self::Features => "features",
            Self::Series => "series",
            Self::Text => "texts",
        })
    }
}

/// A decoded image, `[height, width, channels]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePixels {
    /// 1 or 3.
    pub channels: usize,
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// Grey or RGB values.
    pub pixels: Vec<u8>,
}

/// One sample on the host, to be changed in place.
#[derive(Debug)]
pub enum SampleMut<'a> {
    /// An image, before it is normalised. Its size must stay.
    Image(&'a mut ImagePixels),
    /// A feature vector.
    Features(&'a mut [f32]),
    /// A series, `[channels, length]`.
    Series {
        /// Number of time steps.
        length: usize,
        /// The values, channel by channel.
        values: &'a mut [f32],
    },
    /// A text.
    Text(&'a mut String),
}

impl SampleMut<'_> {
    /// The same sample for a shorter time.
    pub fn reborrow(&mut self) -> SampleMut<'_> {
        match self {
            Self::Image(image) => SampleMut::Image(image),
            Self::Features(values) => SampleMut::Features(values),
            Self::Series { length, values } => SampleMut::Series { length: *length, values },
            Self::Text(text) => SampleMut::Text(text),
        }
    }
}

/// Changes samples at random.
///
/// What a sample becomes depends on its values and the key alone, so that samples can be changed in
/// any order, on any thread, and again.
pub trait Augmentation: Send + Sync {
    /// Changes a sample. Samples of other kinds than the plugin states are left as they are; the
    /// checker refuses such a pair.
    fn apply(&self, sample: SampleMut<'_>, key: &Key);

    /// Whether it changes spectra: it comes after the transform's log-mel spectra where there are
    /// any. All others change the sound itself.
    fn changes_spectra(&self) -> bool {
        false
    }
}
