//! Sound at another rate.
//!
//! A windowed sinc of our own and no library: samples are part of a data set's fingerprint and must
//! be the same on every machine, and resamplers choose their arithmetic by what the processor can do.

use std::borrow::Cow;
use std::f64::consts::PI;

/// Zero crossings of the sinc at either side.
const CROSSINGS: f64 = 64.0;
/// The band that stays, as a share of half the lower rate.
const PASSED: f64 = 0.95;
/// Weights that are kept; with more positions between samples they are computed for each output.
const MOST_KEPT: usize = 1 << 20;

/// Brings sound from one rate to another: band-limited interpolation by a sinc with a Hann window
/// (Smith, Gossett: A flexible sampling-rate conversion method, ICASSP 1984).
pub(crate) struct RateChange {
    /// Both rates without their common divisor.
    from: u64,
    to: u64,
    /// Weights of each position between two samples; none where there are too many.
    kept: Vec<Weights>,
}

/// The weights of input samples around an output.
#[derive(Clone)]
struct Weights {
    /// Samples before the one at or before the output.
    before: usize,
    weights: Vec<f64>,
}

impl RateChange {
    /// From and to so many samples a second, both at least 1.
    pub fn new(from: u32, to: u32) -> Self {
        let divisor = gcd(from, to);
        let (from, to) = (u64::from(from / divisor), u64::from(to / divisor));
        let mut change = Self { from, to, kept: Vec::new() };
        if change.taps().saturating_mul(to as usize) <= MOST_KEPT {
            change.kept = (0..to).map(|position| change.weights(position)).collect();
        }
        change
    }

    /// The cutoff as a share of half the input's rate.
    fn cutoff(&self) -> f64 {
        PASSED * (self.to as f64 / self.from as f64).min(1.0)
    }

    /// Input samples at either side of an output that it depends on.
    fn reach(&self) -> usize {
        (CROSSINGS / self.cutoff()).ceil() as usize
    }

    fn taps(&self) -> usize {
        2 * self.reach() + 1
    }

    /// Weights of the position `position / to` after a sample.
    fn weights(&self, position: u64) -> Weights {
        let (cutoff, reach) = (self.cutoff(), self.reach());
        let place = position as f64 / self.to as f64;
        let half = CROSSINGS / cutoff;
        let weight = |sample: usize| {
            let distance = sample as f64 - reach as f64 - place;
            let angle = PI * cutoff * distance;
            let sinc = if angle == 0.0 { 1.0 } else { angle.sin() / angle };
            let window = if distance.abs() < half {
                (PI * distance / (2.0 * half)).cos().powi(2)
            } else {
                0.0
            };
            sinc * window
        };
        let weights: Vec<f64> = (0..self.taps()).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        Weights { before: reach, weights: weights.into_iter().map(|it| it / sum).collect() }
    }

    /// The sound at the other rate; before its beginning and after its end is silence.
    pub fn of(&self, samples: &[f32]) -> Vec<f32> {
        let count = (samples.len() as u64 * self.to).div_ceil(self.from);
        let output = |place: u64| {
            let at = place * self.from;
            let (first, position) = ((at / self.to) as usize, at % self.to);
            let weights = match self.kept.get(position as usize) {
                Some(kept) => Cow::Borrowed(kept),
                None => Cow::Owned(self.weights(position)),
            };
            let Weights { before, weights } = &*weights;
            let skipped = before.saturating_sub(first);
            let start = (first + skipped).saturating_sub(*before);
            let pairs = weights[skipped..].iter().zip(samples.get(start..).unwrap_or_default());
            pairs.map(|(weight, sample)| weight * f64::from(*sample)).sum::<f64>() as f32
        };
        (0..count).map(output).collect()
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, frequency: f64, count: usize) -> Vec<f32> {
        let angle = |it: usize| 2.0 * PI * frequency * it as f64 / f64::from(rate);
        (0..count).map(|it| angle(it).sin() as f32).collect()
    }

    /// The largest difference in the middle, where no end is in reach.
    fn difference(a: &[f32], b: &[f32]) -> f32 {
        assert!(a.len().abs_diff(b.len()) <= 1, "{} {}", a.len(), b.len());
        let middle = a.len() / 4..a.len() * 3 / 4;
        a[middle.clone()].iter().zip(&b[middle]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn tones_stay_where_both_rates_hold_them() {
        for (from, to) in
            [(8000, 16000), (16000, 8000), (44100, 16000), (11025, 16000), (8001, 9999)]
        {
            for frequency in [100.0, 440.0, 3000.0] {
                let found = RateChange::new(from, to).of(&tone(from, frequency, from as usize / 4));
                let expected = tone(to, frequency, found.len());
                let difference = difference(&found, &expected);
                assert!(difference < 2e-4, "{from} to {to}, {frequency}: {difference}");
            }
        }
    }

    #[test]
    fn tones_above_half_the_new_rate_are_taken_out() {
        let found = RateChange::new(16000, 8000).of(&tone(16000, 5000.0, 8000));
        assert!(difference(&found, &vec![0.0; found.len()]) < 1e-3);
    }

    #[test]
    fn short_sound_and_constants_are_kept() {
        let change = RateChange::new(44100, 16000);
        assert_eq!(change.of(&[]).len(), 0);
        assert_eq!(change.of(&[0.3]).len(), 1);
        let constant = change.of(&[0.5; 4000]);
        assert!(constant[500..900].iter().all(|value| (value - 0.5).abs() < 1e-6));
    }

    #[test]
    fn weights_that_are_not_kept_are_the_same() {
        let change = RateChange::new(8000, 12000);
        let computed = RateChange { kept: Vec::new(), ..RateChange::new(8000, 12000) };
        let sound = tone(8000, 300.0, 900);
        assert!(!change.kept.is_empty() && change.of(&sound) == computed.of(&sound));
        assert!(RateChange::new(9973, 9967).kept.is_empty());
    }
}
