//! Images in fog.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{WHITE, byte};
use crate::image::plasma;

/// The thickness of the fog, and how fast its small parts become fainter than its large ones.
const VALUES: [(f32, f32); 5] = [(1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4)];

/// Images in fog: a plasma fractal times 1.5, 2, 2.5, 2.5 and 3 is added, and the sum is scaled so that
/// white stays as bright as the image's brightest value. The fog is the same in all channels, its
/// largest parts are as large as the image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Fog {}

impl PluginConfig for Fog {}

impl CorruptionPlugin for Fog {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<Fog>(About {
        name: "fog",
        summary: "Lays fog over images",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

impl Corruption for Fog {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        let Some(brightest) = image.pixels.iter().max() else { return };
        let brightest = f32::from(*brightest) / WHITE;
        // Black has nothing that the fog could be lit by.
        if brightest == 0.0 {
            return;
        }
        let (thickness, decay) = severity.of(VALUES);
        let scale = brightest / (brightest + thickness);
        let fog = plasma([image.height, image.width], decay, &mut key.rng());
        for (pixel, fog) in image.pixels.chunks_exact_mut(image.channels).zip(fog.values) {
            for channel in pixel {
                *channel = byte((f32::from(*channel) / WHITE + thickness * fog) * scale);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_corrupts_pictures, assert_draws_by_key, corrupted, flat, picture};

    #[test]
    fn pictures_are_corrupted() {
        assert_corrupts_pictures(&Fog {});
        assert_draws_by_key(&Fog {});
    }

    #[test]
    fn contrast_falls_and_no_pixel_is_brighter_than_the_brightest() {
        let image = picture(3, 64, 64);
        let brightest = |pixels: &[u8]| *pixels.iter().max().unwrap();
        for severity in Severity::ALL {
            let foggy = corrupted(&Fog {}, &image, severity);
            assert!(brightest(&foggy.pixels) <= brightest(&image.pixels));
            // Neighbouring channels of one pixel lie in the same fog.
            let (before, after) = (&image.pixels[..3], &foggy.pixels[..3]);
            let spread = |pixel: &[u8]| f32::from(pixel[0]) - f32::from(pixel[2]);
            let peak = f32::from(brightest(&image.pixels)) / WHITE;
            let want = spread(before) * peak / (peak + severity.of(VALUES).0);
            assert!((spread(after) - want).abs() <= 1.0, "{severity}: {before:?} {after:?}");
        }
        assert_eq!(corrupted(&Fog {}, &flat(0), Severity::ALL[4]), flat(0));
    }
}
