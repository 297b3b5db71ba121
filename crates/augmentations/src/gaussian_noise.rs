//! Gaussian noise on any sample.

use isthmus_core::augmentation::{Augmentation, SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, AugmentationPlugin, Plugin};
use rand::RngExt;
use rand_distr::StandardNormal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The value of a white pixel.
const WHITE: f32 = 255.0;

/// Adds independent normal noise to every value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianNoise {
    /// Standard deviation: of images, as a share of the range from black to white; of features and
    /// series, in their own units.
    #[schemars(range(min = 0.0))]
    pub deviation: f64,
}

impl Default for GaussianNoise {
    fn default() -> Self {
        Self { deviation: 0.1 }
    }
}

impl PluginConfig for GaussianNoise {}

impl AugmentationPlugin for GaussianNoise {
    const SAMPLES: &'static [SampleKind] =
        &[SampleKind::Image, SampleKind::Features, SampleKind::Series];

    fn build(self) -> Box<dyn Augmentation> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::augmentation::<GaussianNoise>(About {
        name: "gaussian-noise",
        summary: "Adds normal noise of one standard deviation to every value",
        paper: "",
    })
}

impl Augmentation for GaussianNoise {
    fn apply(&self, sample: SampleMut<'_>, key: &Key) {
        let mut random = key.rng();
        let deviation = self.deviation as f32;
        match sample {
            SampleMut::Image(image) => {
                for value in &mut image.pixels {
                    let noise = WHITE * deviation * random.sample::<f32, _>(StandardNormal);
                    *value = (f32::from(*value) + noise).round().clamp(0.0, WHITE) as u8;
                }
            }
            SampleMut::Features(values) | SampleMut::Series { values, .. } => {
                for value in values {
                    *value += deviation * random.sample::<f32, _>(StandardNormal);
                }
            }
            SampleMut::Text(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::augmentation::ImagePixels;

    use super::*;
    use crate::testing::{assert_by_key, features, grey_ramp, image, moments, series};

    #[test]
    fn every_kind_of_sample_is_changed_by_its_key() {
        let noise = GaussianNoise::default();
        assert_by_key(|key| image(&noise, &grey_ramp(), key));
        assert_by_key(|key| features(&noise, &[1.0, 2.0, 3.0], key));
        assert_by_key(|key| series(&noise, &[1.0, 2.0, 3.0, 4.0], key));
    }

    #[test]
    fn the_noise_has_the_stated_deviation() {
        let noise = GaussianNoise { deviation: 0.25 };
        let [mean, deviation] = moments(&features(&noise, &[1.0; 20_000], &Key::new(1)));
        assert!((mean - 1.0).abs() < 0.01 && (deviation - 0.25).abs() < 0.01);
        let noise = GaussianNoise { deviation: 0.1 };
        let flat = ImagePixels { channels: 1, height: 100, width: 100, pixels: vec![128; 10_000] };
        let pixels = image(&noise, &flat, &Key::new(2)).pixels;
        let values: Vec<f32> = pixels.iter().map(|&value| f32::from(value)).collect();
        let [mean, deviation] = moments(&values);
        assert!((mean - 128.0).abs() < 1.0 && (deviation - 25.5).abs() < 1.0);
    }
}
