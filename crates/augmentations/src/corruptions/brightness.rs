//! Brighter images.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{WHITE, byte};

/// What is added to the value of each pixel, in shares of the range from black to white.
const ADDED: [f32; 5] = [0.1, 0.2, 0.3, 0.4, 0.5];

/// Brightens images: adds 0.1 to 0.5 to the largest of each pixel's channels (its value in HSV), hue
/// and saturation stay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Brightness {}

impl PluginConfig for Brightness {}

impl CorruptionPlugin for Brightness {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<Brightness>(About {
        name: "brightness",
        summary: "Brightens images",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

impl Corruption for Brightness {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, _key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        let added = severity.of(ADDED);
        for pixel in image.pixels.chunks_exact_mut(image.channels) {
            let value = f32::from(pixel.iter().copied().max().unwrap_or(0)) / WHITE;
            let brighter = (value + added).min(1.0);
            for channel in pixel {
                *channel = match value > 0.0 {
                    true => byte(f32::from(*channel) / WHITE * brighter / value),
                    // Black has no hue.
                    false => byte(brighter),
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::augmentation::ImagePixels;

    use super::*;
    use crate::testing::{corrupted, grey_ramp};

    #[test]
    fn grey_is_raised_and_cut_off_at_white() {
        let image = corrupted(&Brightness {}, &grey_ramp(), Severity::ALL[1]);
        for (before, after) in grey_ramp().pixels.iter().zip(&image.pixels) {
            assert_eq!(u32::from(*after), (u32::from(*before) + 51).min(255));
        }
    }

    #[test]
    fn hue_and_saturation_stay() {
        let pixels = vec![100, 50, 0, 0, 0, 0];
        let image = ImagePixels { channels: 3, height: 1, width: 2, pixels };
        let image = corrupted(&Brightness {}, &image, Severity::ALL[1]);
        assert_eq!(image.pixels, [151, 76, 0, 51, 51, 51]);
    }
}
