//! Blurred images.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::image::change_channels;

/// Standard deviations of the filter, in pixels of an image whose shorter side has [`SIDE`].
const DEVIATIONS: [f32; 5] = [0.5, 1.0, 1.5, 2.0, 3.0];
/// The side that the deviations are for, in pixels.
const SIDE: f32 = 28.0;

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

impl Corruption for GaussianBlur {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, _key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        let side = image.height.min(image.width) as f32;
        let deviation = severity.of(DEVIATIONS) * side / SIDE;
        change_channels(image, |plane| plane.blurred(deviation));
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::augmentation::ImagePixels;

    use super::*;
    use crate::corruptions::byte;
    use crate::image::gaussian;
    use crate::testing::corrupted;

    #[test]
    fn a_point_becomes_the_filter() {
        let mut pixels = vec![0; 28 * 28];
        pixels[14 * 28 + 14] = 255;
        let image = ImagePixels { channels: 1, height: 28, width: 28, pixels };
        let blurred = corrupted(&GaussianBlur {}, &image, Severity::ALL[1]);
        let weights = gaussian(1.0);
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
