//! Images of paler or stronger colours.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{WHITE, byte};

/// What the saturation is multiplied by, and what is added then.
const VALUES: [(f32, f32); 5] = [(0.3, 0.0), (0.1, 0.0), (2.0, 0.0), (5.0, 0.1), (20.0, 0.2)];

/// Images of paler colours at severities 1 and 2 and stronger ones from 3 on: multiplies the saturation
/// of each pixel (in HSV) by 0.3, 0.1, 2, 5 and 20 and adds 0, 0, 0, 0.1 and 0.2; hue and the largest of
/// the channels stay. Grey images stay as they are; a grey pixel of a colour image becomes reddish where
/// something is added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Saturate {}

impl PluginConfig for Saturate {}

impl CorruptionPlugin for Saturate {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<Saturate>(About {
        name: "saturate",
        summary: "Makes colours paler or stronger",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

impl Corruption for Saturate {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, _key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        if image.channels != 3 {
            return;
        }
        let (factor, added) = severity.of(VALUES);
        for pixel in image.pixels.chunks_exact_mut(3) {
            let values = [pixel[0], pixel[1], pixel[2]].map(|value| f32::from(value) / WHITE);
            let largest = values.into_iter().fold(0.0, f32::max);
            let smallest = values.into_iter().fold(1.0, f32::min);
            if largest == 0.0 {
                continue;
            }
            let saturation = (largest - smallest) / largest;
            let wanted = (saturation * factor + added).clamp(0.0, 1.0);
            // How far each channel is below the largest one, from 0 to 1. Grey has the hue of red.
            let below = match saturation > 0.0 {
                true => values.map(|value| (largest - value) / (largest - smallest)),
                false => [0.0, 1.0, 1.0],
            };
            for (channel, below) in pixel.iter_mut().zip(below) {
                *channel = byte(largest * (1.0 - wanted * below));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::augmentation::ImagePixels;

    use super::*;
    use crate::testing::{corrupted, picture};

    #[test]
    fn saturation_is_scaled_and_hue_stays() {
        let pixels = vec![200, 150, 100, 80, 80, 80];
        let image = ImagePixels { channels: 3, height: 1, width: 2, pixels };
        let at = |severity: usize| corrupted(&Saturate {}, &image, Severity::ALL[severity]).pixels;
        assert_eq!(at(0), [200, 185, 170, 80, 80, 80]);
        assert_eq!(at(1), [200, 195, 190, 80, 80, 80]);
        assert_eq!(at(2), [200, 100, 0, 80, 80, 80]);
        assert_eq!(at(4), [200, 100, 0, 80, 64, 64]);
    }

    #[test]
    fn grey_images_stay() {
        for severity in Severity::ALL {
            let image = picture(1, 9, 7);
            assert_eq!(corrupted(&Saturate {}, &image, severity), image);
        }
    }
}
