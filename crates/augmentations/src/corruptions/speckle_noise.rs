//! Images with noise that grows with brightness.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use rand::RngExt;
use rand_distr::StandardNormal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{WHITE, byte};

/// Standard deviations, in shares of a value.
const DEVIATIONS: [f32; 5] = [0.15, 0.2, 0.35, 0.45, 0.6];

/// Speckle noise: multiplies every value of an image by 1 and independent normal noise, with a standard
/// deviation of 0.15 to 0.6. Black stays black.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpeckleNoise {}

impl PluginConfig for SpeckleNoise {}

impl CorruptionPlugin for SpeckleNoise {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<SpeckleNoise>(About {
        name: "speckle-noise",
        summary: "Multiplies pixels by normal noise",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

impl Corruption for SpeckleNoise {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        let mut random = key.rng();
        let deviation = severity.of(DEVIATIONS);
        for value in &mut image.pixels {
            let noise: f32 = random.sample(StandardNormal);
            *value = byte(f32::from(*value) / WHITE * (1.0 + deviation * noise));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_corrupts_pictures, assert_draws_by_key, corrupted, flat, moments};

    #[test]
    fn the_noise_is_in_proportion_to_the_value() {
        assert_corrupts_pictures(&SpeckleNoise {});
        assert_draws_by_key(&SpeckleNoise {});
        for value in [0, 30, 60] {
            let image = corrupted(&SpeckleNoise {}, &flat(value), Severity::ALL[1]);
            let values: Vec<f32> = image.pixels.iter().map(|&value| value.into()).collect();
            let [mean, deviation] = moments(&values);
            assert!((mean - f64::from(value)).abs() < 0.5, "{mean}");
            assert!((deviation - 0.2 * f64::from(value)).abs() < 0.5, "{deviation}");
        }
    }
}
