//! Images taken with little light.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use rand_distr::{Distribution, Poisson};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{WHITE, byte};

/// Mean counts of a white pixel.
const PHOTONS: [f32; 5] = [60.0, 25.0, 12.0, 5.0, 3.0];

/// Shot noise: each value becomes a count drawn from a Poisson distribution, with a mean of 60 to 3
/// for white.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShotNoise {}

impl PluginConfig for ShotNoise {}

impl CorruptionPlugin for ShotNoise {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<ShotNoise>(About {
        name: "shot-noise",
        summary: "Makes pixels counts of few photons",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

impl Corruption for ShotNoise {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        let mut random = key.rng();
        let photons = severity.of(PHOTONS);
        for value in &mut image.pixels {
            // Black has a mean of 0 and stays black.
            if let Ok(counts) = Poisson::new(f32::from(*value) / WHITE * photons) {
                *value = byte(counts.sample(&mut random) / photons);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_corrupts_by_key, corrupted, flat, moments};

    #[test]
    fn the_variance_grows_as_the_mean_of_the_count_falls() {
        assert_corrupts_by_key(&ShotNoise {});
        for severity in Severity::ALL.into_iter().take(2) {
            let image = corrupted(&ShotNoise {}, &flat(64), severity);
            let values: Vec<f32> = image.pixels.iter().map(|&value| value.into()).collect();
            let [mean, deviation] = moments(&values);
            let want = f64::from((64.0 / WHITE / severity.of(PHOTONS)).sqrt() * WHITE);
            assert!((mean - 64.0).abs() < 1.5, "{mean}");
            assert!((deviation - want).abs() < 1.5, "{deviation} is not {want}");
        }
        assert_eq!(corrupted(&ShotNoise {}, &flat(0), Severity::ALL[4]), flat(0));
    }
}
