//! How images and sound become network inputs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How pixels between pixels are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// Bilinear.
    Bilinear,
    /// Bicubic (Catmull-Rom, a = -0.5), as Pillow's.
    Bicubic,
}

/// Log-mel spectra of sound: the logarithms of energies in bands of equal width on the mel scale,
/// `mel(f) = 2595 log10(1 + f / 700)`, from 0 to half the sample rate (Davis, Mermelstein, 1980). The
/// spectra are series with one channel a band. Frames have a Hann window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogMel {
    /// Number of bands.
    #[schemars(range(min = 1, max = 512))]
    pub bands: usize,
    /// Length of a frame in seconds.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 10.0))]
    pub frame: f64,
    /// Seconds between the beginnings of two frames: a step of the series.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 10.0))]
    pub step: f64,
    /// Subtracts the mean of each band over the sample, which takes the microphone's colour out
    /// (cepstral mean normalisation).
    pub subtract_mean: bool,
    /// Samples a second, of series that are read from arrays; the reader `audio` tells its own.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
}

impl Default for LogMel {
    fn default() -> Self {
        Self { bands: 40, frame: 0.025, step: 0.01, subtract_mean: false, rate: None }
    }
}

/// How images and sound become network inputs. Images: border, resize, crop, channels, normalisation;
/// random crop and flip while the extractor is trained. Sound: log-mel spectra.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Transform {
    /// Puts the image in the middle of a black one of this many pixels a side, before it is resized;
    /// sides that are longer stay. Digits of 16 pixels keep their strokes so, where resizing makes
    /// them thicker. Absent: no border.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pad: Option<usize>,
    /// Resizes the image to this many pixels a side (without keeping the aspect ratio, as the
    /// Office-31 recipe does). Absent: images keep their size.
    #[schemars(range(min = 1))]
    pub resize: Option<usize>,
    /// Cuts a centred square of this many pixels out of the resized image. Absent: no crop.
    #[schemars(range(min = 1))]
    pub crop: Option<usize>,
    /// Number of channels: 1 turns colour to grey (ITU-R 601), 3 repeats grey. Absent: as it is.
    #[schemars(range(min = 1, max = 3))]
    pub channels: Option<usize>,
    /// How to interpolate.
    pub interpolation: Interpolation,
    /// Subtracted from pixels in [0, 1]: one value, or one a channel.
    pub mean: Vec<f64>,
    /// Divides after the mean is subtracted: one value, or one a channel.
    pub std: Vec<f64>,
    /// While the extractor is trained: a random part of the image of this share of its area
    /// ([smallest, largest]), aspect ratio 3/4 to 4/3, is resized to the crop. Absent: no random
    /// crop.
    pub random_crop: Option<[f64; 2]>,
    /// While the extractor is trained: mirrors every other image.
    pub random_flip: bool,
    /// Makes log-mel spectra of sound, `{ bands = 40 }`. Corruptions and augmentations change the
    /// sound before; those of spectra (`spec-augment`) come after. Absent: the network is given the
    /// waveform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_mel: Option<LogMel>,
}

impl Default for Transform {
    fn default() -> Self {
        Self {
            pad: None,
            resize: None,
            crop: None,
            channels: None,
            interpolation: Interpolation::Bilinear,
            mean: vec![0.0],
            std: vec![1.0],
            random_crop: None,
            random_flip: false,
            log_mel: None,
        }
    }
}
