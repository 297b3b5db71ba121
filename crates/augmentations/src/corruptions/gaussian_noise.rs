//! Samples with Gaussian noise.

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

use super::WHITE;

/// Standard deviations.
const DEVIATIONS: [f32; 5] = [0.08, 0.12, 0.18, 0.26, 0.38];

/// Adds independent normal noise to every value. Its standard deviation is 0.08 to 0.38: of images,
/// of the range from black to white; of features and series, of the sample's own root mean square.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianNoise {}

impl PluginConfig for GaussianNoise {}

impl CorruptionPlugin for GaussianNoise {
    const SAMPLES: &'static [SampleKind] =
        &[SampleKind::Image, SampleKind::Features, SampleKind::Series];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<GaussianNoise>(About {
        name: "gaussian-noise",
        summary: "Adds normal noise to samples",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

impl Corruption for GaussianNoise {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, key: &Key) {
        let mut random = key.rng();
        let mut noise =
            |scale: f32| severity.of(DEVIATIONS) * scale * random.sample::<f32, _>(StandardNormal);
        match sample {
            SampleMut::Image(image) => {
                for value in &mut image.pixels {
                    let noisy = f32::from(*value) + noise(WHITE);
                    *value = noisy.round().clamp(0.0, WHITE) as u8;
                }
            }
            SampleMut::Features(values) | SampleMut::Series { values, .. } => {
                let square: f32 = values.iter().map(|value| value * value).sum();
                let scale = (square / values.len().max(1) as f32).sqrt();
                values.iter_mut().for_each(|value| *value += noise(scale));
            }
            SampleMut::Text(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_corrupts_by_key, flat, moments};

    #[test]
    fn noise_is_of_the_key_and_of_the_stated_deviation() {
        assert_corrupts_by_key(&GaussianNoise {});
        for severity in Severity::ALL {
            let mut image = flat(128);
            let key = Key::new(2);
            GaussianNoise {}.apply(SampleMut::Image(&mut image), severity, &key);
            // Of weak noise nothing is cut off.
            if severity.level() < 3 {
                let values: Vec<f32> = image.pixels.iter().map(|&value| value.into()).collect();
                let [mean, deviation] = moments(&values);
                let want = f64::from(severity.of(DEVIATIONS) * WHITE);
                assert!(
                    (mean - 128.0).abs() < 1.0 && (deviation - want).abs() < 1.0,
                    "{deviation}"
                );
            }
            let mut values = vec![3.0; 20_000];
            GaussianNoise {}.apply(SampleMut::Features(&mut values), severity, &key);
            let want = f64::from(severity.of(DEVIATIONS) * 3.0);
            assert!((moments(&values)[1] - want).abs() < 0.02);
        }
    }
}
