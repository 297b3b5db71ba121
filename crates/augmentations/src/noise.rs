//! Noise at a chosen ratio of signal to noise.

use rand::RngExt;
use rand_distr::StandardNormal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the noise sounds like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseColour {
    /// The same power at all frequencies: hiss.
    #[default]
    White,
    /// Power that falls with frequency, as of rooms, rain and many sensors (1/f).
    Pink,
}

impl NoiseColour {
    /// Noise of about unit power.
    fn drawn(self, count: usize, random: &mut impl rand::Rng) -> Vec<f64> {
        let mut white = || random.sample::<f64, _>(StandardNormal);
        match self {
            Self::White => (0..count).map(|_| white()).collect(),
            Self::Pink => {
                // Filters of the first order that sum to 1/f within 0.05 dB above a hundredth of
                // half the rate (Paul Kellet, 1999).
                const POLES: [f64; 6] = [0.99886, 0.99332, 0.96900, 0.86650, 0.55000, -0.76160];
                const GAINS: [f64; 6] =
                    [0.0555179, 0.0750759, 0.153852, 0.3104856, 0.5329522, -0.016898];
                let (mut states, mut last) = ([0.0; 6], 0.0);
                let value = |_| {
                    let drawn = white();
                    for ((state, pole), gain) in states.iter_mut().zip(POLES).zip(GAINS) {
                        *state = pole * *state + gain * drawn;
                    }
                    let value = states.iter().sum::<f64>() + last + 0.5362 * drawn;
                    last = 0.115926 * drawn;
                    value
                };
                (0..count).map(value).collect()
            }
        }
    }
}

/// Adds noise to the values of one channel, so that the power of their distance to the mean is
/// `decibels` above that of the noise. A constant channel stays.
pub(crate) fn add_noise(
    values: &mut [f32],
    decibels: f64,
    colour: NoiseColour,
    random: &mut impl rand::Rng,
) {
    let noise = colour.drawn(values.len(), random);
    let signal = power(values.iter().map(|&value| f64::from(value)));
    let own = power(noise.iter().copied());
    if own > 0.0 {
        let scale = (signal / own).sqrt() * 10f64.powf(-decibels / 20.0);
        for (value, noise) in values.iter_mut().zip(noise) {
            *value += (scale * noise) as f32;
        }
    }
}

/// The mean square distance to the mean.
pub(crate) fn power(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    values.map(|value| (value - mean).powi(2)).sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use isthmus_core::random::Key;

    use super::*;

    #[test]
    fn the_ratio_is_that_stated_for_every_colour() {
        let signal: Vec<f32> = (0..8000).map(|it| (it as f32 * 0.3).sin() + 5.0).collect();
        for colour in [NoiseColour::White, NoiseColour::Pink] {
            for decibels in [-5.0, 0.0, 20.0] {
                let mut noisy = signal.clone();
                add_noise(&mut noisy, decibels, colour, &mut Key::new(1).rng());
                let noise = noisy.iter().zip(&signal).map(|(a, b)| f64::from(a - b));
                let of = |values: &[f32]| power(values.iter().map(|&it| f64::from(it)));
                let ratio = 10.0 * (of(&signal) / power(noise)).log10();
                assert!((ratio - decibels).abs() < 0.01, "{colour:?}: {ratio}");
            }
        }
        let mut silence = vec![0.0; 100];
        add_noise(&mut silence, 0.0, NoiseColour::White, &mut Key::new(1).rng());
        assert_eq!(silence, vec![0.0; 100]);
    }

    #[test]
    fn pink_noise_has_the_same_power_in_every_octave() {
        let noise = NoiseColour::Pink.drawn(1 << 15, &mut Key::new(3).rng());
        // Power in the octaves that means over 2, 4, 8, ... values leave out.
        let octave = |width: usize| {
            let means = |width: usize| -> Vec<f64> {
                noise.chunks_exact(width).map(|it| it.iter().sum::<f64>() / width as f64).collect()
            };
            power(means(width).into_iter()) - power(means(2 * width).into_iter())
        };
        let powers: Vec<f64> = [2, 4, 8, 16, 32].into_iter().map(octave).collect();
        let mean = powers.iter().sum::<f64>() / powers.len() as f64;
        assert!(powers.iter().all(|it| (it / mean - 1.0).abs() < 0.2), "{powers:?}");
    }
}
