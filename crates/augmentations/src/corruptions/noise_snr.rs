//! Series with noise at a ratio of signal to noise.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noise::{NoiseColour, add_noise};

/// Ratios of signal to noise in decibels.
const DECIBELS: [f64; 5] = [20.0, 15.0, 10.0, 5.0, 0.0];

/// Adds noise to every channel of series or sound. The channel's power is above that of the noise by
/// 20 decibels at severity 1, 15 at 2, 10 at 3, 5 at 4, and as large at 5. Sound is changed before
/// spectra are made of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoiseSnr {
    /// What the noise sounds like.
    pub colour: NoiseColour,
}

impl PluginConfig for NoiseSnr {}

impl CorruptionPlugin for NoiseSnr {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Series];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<NoiseSnr>(About {
        name: "noise-snr",
        summary: "Adds noise to series or sound at 20 to 0 decibels of signal to noise",
        paper: "",
    })
}

impl Corruption for NoiseSnr {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, key: &Key) {
        let SampleMut::Series { length, values } = sample else { return };
        let mut random = key.rng();
        for channel in values.chunks_exact_mut(length.max(1)) {
            add_noise(channel, severity.of(DECIBELS), self.colour, &mut random);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::power;
    use crate::testing::assert_by_key;

    #[test]
    fn each_severity_has_its_ratio_in_every_channel() {
        let signal: Vec<f32> = (0..4000)
            .map(|it| (it as f32 * 0.1).sin() * if it < 2000 { 1.0 } else { 50.0 })
            .collect();
        let noisy = |severity, key: &Key| {
            let mut values = signal.clone();
            let sample = SampleMut::Series { length: 2000, values: &mut values };
            NoiseSnr::default().apply(sample, severity, key);
            values
        };
        assert_by_key(|key| noisy(Severity::ALL[2], key));
        for severity in Severity::ALL {
            let noisy = noisy(severity, &Key::new(1));
            for channel in [0..2000, 2000..4000] {
                let pairs = noisy[channel.clone()].iter().zip(&signal[channel.clone()]);
                let noise = power(pairs.map(|(a, b)| f64::from(a - b)));
                let own = power(signal[channel].iter().map(|&it| f64::from(it)));
                let ratio = 10.0 * (own / noise).log10();
                assert!((ratio - severity.of(DECIBELS)).abs() < 0.01, "{severity}: {ratio}");
            }
        }
    }
}
