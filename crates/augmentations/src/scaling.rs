//! Scaling of a series' channels.

use isthmus_core::augmentation::{Augmentation, SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, AugmentationPlugin, Plugin};
use rand::RngExt;
use rand_distr::StandardNormal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Multiplies each channel of a series by a factor of its own, drawn from a normal distribution
/// with mean 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Scaling {
    /// Standard deviation of the factors.
    #[schemars(range(min = 0.0))]
    pub deviation: f64,
}

impl Default for Scaling {
    fn default() -> Self {
        Self { deviation: 0.2 }
    }
}

impl PluginConfig for Scaling {}

impl AugmentationPlugin for Scaling {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Series];

    fn build(self) -> Box<dyn Augmentation> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::augmentation::<Scaling>(About {
        name: "scaling",
        summary: "Multiplies each channel of a series by a random factor around 1",
        paper: "Um et al.: Data augmentation of wearable sensor data for Parkinson's disease \
                monitoring using convolutional neural networks, ICMI 2017",
    })
}

impl Augmentation for Scaling {
    fn apply(&self, sample: SampleMut<'_>, key: &Key) {
        let SampleMut::Series { length, values } = sample else { return };
        let mut random = key.rng();
        for channel in values.chunks_exact_mut(length.max(1)) {
            let factor = 1.0 + self.deviation as f32 * random.sample::<f32, _>(StandardNormal);
            channel.iter_mut().for_each(|value| *value *= factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_by_key, moments, series};

    #[test]
    fn each_channel_has_one_factor_around_one() {
        let scaling = Scaling::default();
        let values = [1.0, 2.0, 4.0, -1.0, -2.0, -4.0];
        assert_by_key(|key| series(&scaling, &values, key));
        let mut factors = Vec::new();
        for index in 0..4000 {
            let changed = series(&scaling, &values, &Key::new(index));
            for (changed, values) in changed.chunks(3).zip(values.chunks(3)) {
                let factor = changed[0] / values[0];
                assert!(changed.iter().zip(values).all(|(a, b)| (a - factor * b).abs() < 1e-5));
                factors.push(factor);
            }
        }
        let [mean, deviation] = moments(&factors);
        assert!((mean - 1.0).abs() < 0.02 && (deviation - 0.2).abs() < 0.02, "{mean} {deviation}");
    }
}
