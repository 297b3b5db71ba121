//! Images behind frost.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{WHITE, byte};
use crate::image::ridges;

/// What is left of the image, and the weight of the frost.
const WEIGHTS: [(f32, f32); 5] = [(1.0, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)];
/// Mean brightness of the frost, from and to, as of the photographs of ImageNet-C.
const BRIGHTNESS: std::ops::Range<f32> = 0.45..0.8;
/// How much brighter the ridges of the frost are than its ground.
const CONTRAST: f32 = 0.8;
/// Crystals along the shorter side of an image: the coarsest ones.
const CRYSTALS: f64 = 6.0;
/// The colour of the frost: red, green and blue as shares of its brightness.
const TINT: [f32; 3] = [0.88, 1.02, 1.1];

/// Images behind frost: the image times 1, 0.8, 0.7, 0.65 and 0.6, plus a texture of bluish crystals
/// times 0.4, 0.6, 0.7, 0.7 and 0.75. ImageNet-C takes parts of photographs of frost; here the texture is
/// computed: random ridges of several sizes, as bright as those photographs on average. So results are
/// comparable with ImageNet-C's in kind, not in number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Frost {}

impl PluginConfig for Frost {}

impl CorruptionPlugin for Frost {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<Frost>(About {
        name: "frost",
        summary: "Lays crystals of ice over images",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

impl Corruption for Frost {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        if image.pixels.is_empty() {
            return;
        }
        let (left, weight) = severity.of(WEIGHTS);
        let mut random = key.rng();
        let brightness = random.random_range(BRIGHTNESS);
        let ice = ridges([image.height, image.width], CRYSTALS, &mut random);
        let mean = ice.values.iter().sum::<f32>() / ice.values.len() as f32;
        let grey = image.channels == 1;
        for (pixel, ridge) in image.pixels.chunks_exact_mut(image.channels).zip(ice.values) {
            let ice = brightness + CONTRAST * (ridge - mean);
            for (channel, tint) in pixel.iter_mut().zip(TINT) {
                let ice = (if grey { ice } else { ice * tint }).clamp(0.0, 1.0);
                *channel = byte(left * f32::from(*channel) / WHITE + weight * ice);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_corrupts_pictures, assert_draws_by_key, corrupted, flat, moments};

    #[test]
    fn pictures_are_corrupted() {
        assert_corrupts_pictures(&Frost {});
        assert_draws_by_key(&Frost {});
    }

    #[test]
    fn black_shows_the_frost_alone() {
        for severity in Severity::ALL {
            let frost = corrupted(&Frost {}, &flat(0), severity);
            let values: Vec<f32> = frost.pixels.iter().map(|&value| value.into()).collect();
            let [mean, deviation] = moments(&values).map(|it| it / f64::from(WHITE));
            let weight = f64::from(severity.of(WEIGHTS).1);
            assert!((0.4..0.85).contains(&(mean / weight)), "{mean}");
            assert!((0.05..0.2).contains(&(deviation / weight)), "{}", deviation / weight);
        }
    }
}
