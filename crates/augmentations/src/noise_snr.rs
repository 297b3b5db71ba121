//! Noise on a series at a ratio of signal to noise.

use isthmus_core::augmentation::{Augmentation, SampleKind, SampleMut};
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, AugmentationPlugin, Plugin};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noise::{NoiseColour, add_noise};

/// Adds noise to every channel of a series, so that the channel's power is so many decibels above
/// that of the noise: 20 is quiet noise, at 0 both are alike. The ratio is drawn for each sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoiseSnr {
    /// Smallest ratio of signal to noise, in decibels: the loudest noise.
    #[schemars(range(min = -60.0, max = 120.0))]
    pub lowest: f64,
    /// Largest ratio, in decibels.
    #[schemars(range(min = -60.0, max = 120.0))]
    pub highest: f64,
    /// What the noise sounds like.
    pub colour: NoiseColour,
}

impl Default for NoiseSnr {
    fn default() -> Self {
        Self { lowest: 5.0, highest: 20.0, colour: NoiseColour::White }
    }
}

impl PluginConfig for NoiseSnr {
    fn check(&self) -> Result<(), FieldProblem> {
        if self.lowest <= self.highest {
            return Ok(());
        }
        Err(FieldProblem {
            field: "highest".to_owned(),
            message: format!(
                "`highest` is {}, it must be at least `lowest`, which is {}",
                self.highest, self.lowest
            ),
        })
    }
}

impl AugmentationPlugin for NoiseSnr {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Series];

    fn build(self) -> Box<dyn Augmentation> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::augmentation::<NoiseSnr>(About {
        name: "noise-snr",
        summary: "Adds noise to a series or sound at a ratio of signal to noise in decibels",
        paper: "",
    })
}

impl Augmentation for NoiseSnr {
    fn apply(&self, sample: SampleMut<'_>, key: &Key) {
        let SampleMut::Series { length, values } = sample else { return };
        let mut random = key.rng();
        let decibels = random.random_range(self.lowest..=self.highest);
        for channel in values.chunks_exact_mut(length.max(1)) {
            add_noise(channel, decibels, self.colour, &mut random);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::power;
    use crate::testing::{assert_by_key, series};

    #[test]
    fn the_ratio_is_drawn_from_its_range() {
        let noise = NoiseSnr { lowest: 0.0, highest: 10.0, ..NoiseSnr::default() };
        let values: Vec<f32> = (0..2000).map(|it| (it as f32 * 0.2).sin()).collect();
        assert_by_key(|key| series(&noise, &values, key));
        let ratios: Vec<f64> = (0..200)
            .map(|index| {
                let noisy = series(&noise, &values, &Key::new(index));
                let noise = noisy[..1000].iter().zip(&values).map(|(a, b)| f64::from(a - b));
                let signal = power(values[..1000].iter().map(|&it| f64::from(it)));
                10.0 * (signal / power(noise)).log10()
            })
            .collect();
        assert!(ratios.iter().all(|it| (-0.01..10.01).contains(it)), "{ratios:?}");
        let mean = ratios.iter().sum::<f64>() / 200.0;
        assert!((mean - 5.0).abs() < 1.0, "{mean}");
        let crossed = NoiseSnr { lowest: 3.0, highest: 2.0, ..noise };
        assert!(crossed.check().unwrap_err().message.contains("at least `lowest`"));
    }
}
