//! Reverberation of sound.

use isthmus_core::augmentation::{Augmentation, SampleKind, SampleMut};
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, AugmentationPlugin, Plugin};
use rand::RngExt;
use rand_distr::StandardNormal;
use realfft::RealFftPlanner;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noise::power;

/// Decay by 60 decibels, as the exponent of e.
const SIXTY_DECIBELS: f64 = 6.907_755_278_982_137;

/// Adds the echo of a room to sound: the sound is convolved with an impulse and, behind it, noise that
/// decays exponentially (Polack's model of a room's response). Level and length of the sound stay.
///
/// How long the echo decays is drawn for each sample. Lengths are time steps: at 16000 samples a
/// second, 8000 steps are half a second, the echo of a furnished room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Reverberation {
    /// Shortest decay: time steps until the echo is 60 decibels quieter.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub shortest: usize,
    /// Longest decay.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub longest: usize,
    /// How much louder the sound itself is than the echo, in decibels.
    #[schemars(range(min = -60.0, max = 120.0))]
    pub direct: f64,
}

impl Default for Reverberation {
    fn default() -> Self {
        Self { shortest: 1600, longest: 8000, direct: 3.0 }
    }
}

impl PluginConfig for Reverberation {
    fn check(&self) -> Result<(), FieldProblem> {
        if self.shortest <= self.longest {
            return Ok(());
        }
        Err(FieldProblem {
            field: "longest".to_owned(),
            message: format!(
                "`longest` is {}, it must be at least `shortest`, which is {}",
                self.longest, self.shortest
            ),
        })
    }
}

impl AugmentationPlugin for Reverberation {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Series];

    fn build(self) -> Box<dyn Augmentation> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::augmentation::<Reverberation>(About {
        name: "reverberation",
        summary: "Adds the echo of a room to sound",
        paper: "Polack: La transmission de l'\u{e9}nergie sonore dans les salles, 1988; as an \
                augmentation: Ko et al.: A study on data augmentation of reverberant speech for \
                robust speech recognition, ICASSP 2017",
    })
}

impl Reverberation {
    /// The room's response, at most `length` steps of it.
    fn response(&self, length: usize, random: &mut impl rand::Rng) -> Vec<f32> {
        let decay = random.random_range(self.shortest..=self.longest);
        let mut response = vec![0.0; decay.min(length.saturating_sub(1)) + 1];
        for (step, value) in response.iter_mut().enumerate().skip(1) {
            let level = (-SIXTY_DECIBELS * step as f64 / decay as f64).exp();
            *value = level * random.sample::<f64, _>(StandardNormal);
        }
        let echo: f64 = response.iter().map(|value| value * value).sum();
        let scale = if echo > 0.0 { 10f64.powf(-self.direct / 20.0) / echo.sqrt() } else { 0.0 };
        let mut response: Vec<f32> =
            response.into_iter().map(|value| (scale * value) as f32).collect();
        response[0] = 1.0;
        response
    }
}

impl Augmentation for Reverberation {
    fn apply(&self, sample: SampleMut<'_>, key: &Key) {
        let SampleMut::Series { length, values } = sample else { return };
        if length == 0 {
            return;
        }
        let response = self.response(length, &mut key.rng());
        for channel in values.chunks_exact_mut(length) {
            let before = power(channel.iter().map(|&value| f64::from(value)));
            convolve(channel, &response);
            let after = power(channel.iter().map(|&value| f64::from(value)));
            if after > 0.0 {
                let scale = (before / after).sqrt() as f32;
                channel.iter_mut().for_each(|value| *value *= scale);
            }
        }
    }
}

/// The first values of the convolution with a response.
fn convolve(values: &mut [f32], response: &[f32]) {
    let size = (values.len() + response.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, inverse) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
    let spectrum = |part: &[f32]| {
        let mut padded = forward.make_input_vec();
        padded[..part.len()].copy_from_slice(part);
        let mut spectrum = forward.make_output_vec();
        forward
            .process(&mut padded, &mut spectrum)
            .expect("vectors are of the transform's lengths");
        spectrum
    };
    let mut product = spectrum(values);
    for (value, factor) in product.iter_mut().zip(spectrum(response)) {
        *value *= factor;
    }
    // Of real sequences the first and the last bin are real; rounding may leave a trace.
    let last = product.len() - 1;
    (product[0].im, product[last].im) = (0.0, 0.0);
    let mut sequence = inverse.make_output_vec();
    inverse.process(&mut product, &mut sequence).expect("vectors are of the transform's lengths");
    for (value, convolved) in values.iter_mut().zip(sequence) {
        *value = convolved / size as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_by_key, series};

    #[test]
    fn convolutions_are_sums_of_products() {
        let values: Vec<f32> = (0..50).map(|it| (it * it % 23) as f32 - 11.0).collect();
        let response = [1.0, -0.5, 0.25, 2.0];
        let mut found = values.clone();
        convolve(&mut found, &response);
        for (place, found) in found.iter().enumerate() {
            let products =
                (0..response.len().min(place + 1)).map(|it| response[it] * values[place - it]);
            let expected: f32 = products.sum();
            assert!((found - expected).abs() < 1e-4, "{place}: {found} {expected}");
        }
    }

    #[test]
    fn the_echo_decays_and_the_level_stays() {
        let reverberation = Reverberation { shortest: 300, longest: 300, direct: 0.0 };
        let values: Vec<f32> = (0..4000).map(|it| (it as f32 * 0.37).sin()).collect();
        assert_by_key(|key| series(&reverberation, &values, key));
        let of = |values: &[f32]| power(values.iter().map(|&it| f64::from(it)));
        let changed = series(&reverberation, &values, &Key::new(1));
        assert!((of(&changed[..2000]) / of(&values[..2000]) - 1.0).abs() < 1e-3);
        // A click: itself, an echo as strong, and 60 decibels less after 300 steps.
        let mut click = vec![0.0; 4000];
        click[0] = 1.0;
        let echo = series(&reverberation, &click, &Key::new(2));
        let energy = |range: std::ops::Range<usize>| -> f64 {
            echo[range].iter().map(|&it| f64::from(it).powi(2)).sum()
        };
        assert!((energy(0..1) / energy(1..2000) - 1.0).abs() < 1e-3);
        let decay = 10.0 * (energy(1..61) / energy(121..181)).log10();
        assert!((decay - 24.0).abs() < 4.0, "60 decibels in 300 steps: {decay} in 120");
        assert_eq!(echo[2000..], [0.0; 2000]);
        let crossed = Reverberation { shortest: 3, longest: 2, direct: 0.0 };
        assert!(crossed.check().unwrap_err().message.contains("at least `shortest`"));
    }
}
