//! Jitter: noise on a series.

use isthmus_core::augmentation::{Augmentation, SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, AugmentationPlugin, Plugin};
use rand::RngExt;
use rand_distr::StandardNormal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Adds independent normal noise to every value of a series, in proportion to the standard
/// deviation of its channel, so that channels of different units are changed alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Jitter {
    /// Standard deviation of the noise, as a share of the channel's own in this sample.
    #[schemars(range(min = 0.0))]
    pub share: f64,
}

impl Default for Jitter {
    fn default() -> Self {
        Self { share: 0.3 }
    }
}

impl PluginConfig for Jitter {}

impl AugmentationPlugin for Jitter {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Series];

    fn build(self) -> Box<dyn Augmentation> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::augmentation::<Jitter>(About {
        name: "jitter",
        summary: "Adds noise to a series, in proportion to each channel's spread",
        paper: "Um et al.: Data augmentation of wearable sensor data for Parkinson's disease \
                monitoring using convolutional neural networks, ICMI 2017",
    })
}

impl Augmentation for Jitter {
    fn apply(&self, sample: SampleMut<'_>, key: &Key) {
        let SampleMut::Series { length, values } = sample else { return };
        let mut random = key.rng();
        for channel in values.chunks_exact_mut(length.max(1)) {
            let deviation = (self.share * spread(channel)) as f32;
            for value in channel {
                *value += deviation * random.sample::<f32, _>(StandardNormal);
            }
        }
    }
}

/// The standard deviation of the values.
fn spread(values: &[f32]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let squares = values.iter().map(|&value| (f64::from(value) - mean).powi(2));
    (squares.sum::<f64>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_by_key, moments, series};

    #[test]
    fn the_noise_follows_each_channel() {
        let jitter = Jitter { share: 0.5 };
        assert_by_key(|key| series(&jitter, &[1.0, 2.0, 3.0, -4.0], key));
        // The first channel swings between -10 and 10, the second stays at 3.
        let swing = |at: usize| if at.is_multiple_of(2) { 10.0 } else { -10.0 };
        let mut values: Vec<f32> = (0..20_000).map(swing).collect();
        values.extend([3.0; 20_000]);
        let changed = series(&jitter, &values, &Key::new(1));
        let noise: Vec<f32> =
            changed.iter().zip(&values).map(|(after, before)| after - before).collect();
        let [mean, deviation] = moments(&noise[..20_000]);
        assert!(mean.abs() < 0.1 && (deviation - 5.0).abs() < 0.1, "{mean}, {deviation}");
        assert_eq!(changed[20_000..], values[20_000..]);
    }
}
