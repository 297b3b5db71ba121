//! Blurred images.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::byte;

/// Standard deviations of the filter, in pixels of an image whose shorter side has [`SIDE`].
const DEVIATIONS: [f32; 5] = [0.5, 1.0, 1.5, 2.0, 3.0];
/// The side that the deviations are for, in pixels.
const SIDE: f32 = 28.0;
/// Where the filter is cut off, in standard deviations.
const CUT_OFF: f32 = 4.0;

/// Blurs images by a Gaussian filter; the border is repeated outwards. Its standard deviation is
/// 0.5, 1, 1.5, 2 and 3 pixels of an image whose shorter side has 28, and in proportion for others:
/// four times the share of the image that the 1, 2, 3, 4 and 6 pixels of ImageNet-C are of 224.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianBlur {}

impl PluginConfig for GaussianBlur {}

impl CorruptionPlugin for GaussianBlur {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<GaussianBlur>(About {
        name: "gaussian-blur",
        summary: "Blurs images",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

/// Weights of the neighbours at distances 0, 1, …; of all on both sides the sum is 1.
fn weights(deviation: f32) -> Vec<f32> {
    let radius = (CUT_OFF * deviation).ceil() as usize;
    let mut weights: Vec<f32> =
        (0..=radius).map(|distance| (-0.5 * (distance as f32 / deviation).powi(2)).exp()).collect();
    let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f32>();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    weights
}

/// Filters lines of `length` values; `at` is where a value of a line stands.
fn filter(
    values: &[f32],
    lines: usize,
    length: usize,
    weights: &[f32],
    at: impl Fn(usize, usize) -> usize,
) -> Vec<f32> {
    let mut filtered = vec![0.0; values.len()];
    for line in 0..lines {
        for place in 0..length {
            let value = |place: usize| values[at(line, place.min(length - 1))];
            let both = |(distance, weight): (usize, &f32)| {
                weight * (value(place + distance) + value(place.saturating_sub(distance)))
            };
            let around: f32 = weights.iter().enumerate().skip(1).map(both).sum();
            filtered[at(line, place)] = weights[0] * value(place) + around;
        }
    }
    filtered
}

impl Corruption for GaussianBlur {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, _key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        let (channels, height, width) = (image.channels, image.height, image.width);
        let deviation = severity.of(DEVIATIONS) * height.min(width) as f32 / SIDE;
        if image.pixels.is_empty() || deviation <= 0.0 {
            return;
        }
        let weights = weights(deviation);
        for channel in 0..channels {
            let own = image.pixels.iter().skip(channel).step_by(channels);
            let values: Vec<f32> = own.map(|&value| f32::from(value) / super::WHITE).collect();
            let rows = filter(&values, height, width, &weights, |row, column| row * width + column);
            let both = filter(&rows, width, height, &weights, |column, row| row * width + column);
            let own = image.pixels.iter_mut().skip(channel).step_by(channels);
            own.zip(both).for_each(|(pixel, value)| *pixel = byte(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::augmentation::ImagePixels;

    use super::*;
    use crate::testing::corrupted;

    #[test]
    fn a_point_becomes_the_filter() {
        let mut pixels = vec![0; 28 * 28];
        pixels[14 * 28 + 14] = 255;
        let image = ImagePixels { channels: 1, height: 28, width: 28, pixels };
        let blurred = corrupted(&GaussianBlur {}, &image, Severity::ALL[1]);
        let weights = weights(1.0);
        for (row, column) in [(14, 14), (14, 15), (13, 14), (15, 16)] {
            let [down, right] = [row, column].map(|place: usize| weights[place.abs_diff(14)]);
            assert_eq!(blurred.pixels[row * 28 + column], byte(down * right));
        }
    }

    #[test]
    fn a_flat_image_stays_in_every_size() {
        for side in [1, 5, 40] {
            let pixels = vec![100; 3 * side * side];
            let image = ImagePixels { channels: 3, height: side, width: side, pixels };
            for severity in Severity::ALL {
                assert_eq!(corrupted(&GaussianBlur {}, &image, severity), image);
            }
        }
    }
}
