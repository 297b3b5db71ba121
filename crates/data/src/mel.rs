//! Log-mel spectra of speech.

use std::f32::consts::PI;

/// Length of a frame in seconds.
const FRAME: f32 = 0.025;
/// Time between the beginnings of two frames in seconds.
const HOP: f32 = 0.010;
/// Added to energies before the logarithm: about the noise of 16-bit samples.
const FLOOR: f32 = 1e-6;

/// Turns samples of sound into the logarithms of energies in bands of equal width on the mel scale,
/// 25 ms at a time, every 10 ms.
///
/// Hann window, discrete Fourier transform of the frame, triangular bands from 0 to half the sample
/// rate, `mel(f) = 2595 log10(1 + f / 700)` (Davis and Mermelstein, 1980).
pub(crate) struct MelSpectra {
    frame: usize,
    hop: usize,
    bands: usize,
    /// Window times cosine, then window times sine, each `[bins, frame]`.
    transform: [Vec<f32>; 2],
    /// Weights `[bands, bins]`.
    weights: Vec<f32>,
}

impl MelSpectra {
    /// For sound of `rate` samples a second.
    pub fn new(rate: u32, bands: usize) -> Self {
        let rate = rate as f32;
        let frame = (FRAME * rate).round().max(2.0) as usize;
        let hop = (HOP * rate).round().max(1.0) as usize;
        let bins = frame / 2 + 1;
        let window = |sample: usize| 0.5 - 0.5 * (2.0 * PI * sample as f32 / frame as f32).cos();
        let table = |wave: fn(f32) -> f32| -> Vec<f32> {
            let at = |bin: usize, sample: usize| {
                // The phase repeats: reduced, it keeps its digits.
                let phase = (bin * sample % frame) as f32 / frame as f32;
                window(sample) * wave(2.0 * PI * phase)
            };
            (0..bins).flat_map(|bin| (0..frame).map(move |sample| at(bin, sample))).collect()
        };
        let mel = |frequency: f32| 2595.0 * (1.0 + frequency / 700.0).log10();
        let width = mel(rate / 2.0) / (bands + 1) as f32;
        let weight = |band: usize, bin: usize| {
            let place = mel(bin as f32 * rate / frame as f32) / width;
            (1.0 - (place - (band + 1) as f32).abs()).max(0.0)
        };
        let weights =
            (0..bands).flat_map(|band| (0..bins).map(move |bin| weight(band, bin))).collect();
        Self { frame, hop, bands, transform: [table(f32::cos), table(f32::sin)], weights }
    }

    /// Number of frames of so many samples; sound shorter than a frame is filled up with silence.
    pub fn frames(&self, samples: usize) -> usize {
        samples.saturating_sub(self.frame) / self.hop + 1
    }

    /// Log-energies `[bands, frames]` of samples in [-1, 1].
    pub fn of(&self, samples: &[f32]) -> Vec<f32> {
        let frames = self.frames(samples.len());
        let bins = self.frame / 2 + 1;
        let mut spectra = vec![0.0; self.bands * frames];
        let mut padded = vec![0.0; self.frame];
        for place in 0..frames {
            let start = place * self.hop;
            let end = samples.len().min(start + self.frame);
            padded[..end - start].copy_from_slice(&samples[start..end]);
            padded[end - start..].fill(0.0);
            let energies: Vec<f32> = (0..bins)
                .map(|bin| {
                    let of = |table: &[f32]| -> f32 {
                        let wave = &table[bin * self.frame..(bin + 1) * self.frame];
                        wave.iter().zip(&padded).map(|(wave, sample)| wave * sample).sum()
                    };
                    let [cosine, sine] = [of(&self.transform[0]), of(&self.transform[1])];
                    (cosine * cosine + sine * sine) / self.frame as f32
                })
                .collect();
            for band in 0..self.bands {
                let weights = &self.weights[band * bins..(band + 1) * bins];
                let energy: f32 = weights.iter().zip(&energies).map(|(w, e)| w * e).sum();
                spectra[band * frames + place] = (energy + FLOOR).ln();
            }
        }
        spectra
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frequency: f32, samples: usize) -> Vec<f32> {
        (0..samples).map(|it| (2.0 * PI * frequency * it as f32 / 8000.0).sin()).collect()
    }

    #[test]
    fn a_tone_is_loudest_in_the_band_that_holds_it() {
        let spectra = MelSpectra::new(8000, 20);
        let mel = |f: f32| 2595.0 * (1.0 + f / 700.0).log10();
        for frequency in [300.0, 1000.0, 3000.0] {
            let found = spectra.of(&tone(frequency, 400));
            let frames = spectra.frames(400);
            assert_eq!(found.len(), 20 * frames);
            let of_band = |band: usize| found[band * frames];
            let loudest = (0..20).max_by(|a, b| of_band(*a).total_cmp(&of_band(*b))).unwrap();
            let expected = mel(frequency) / (mel(4000.0) / 21.0) - 1.0;
            assert!((loudest as f32 - expected).abs() < 1.0, "{frequency}: {loudest} {expected}");
        }
    }

    #[test]
    fn frames_follow_every_ten_milliseconds() {
        let spectra = MelSpectra::new(8000, 8);
        assert_eq!(spectra.frames(100), 1);
        assert_eq!(spectra.frames(200), 1);
        assert_eq!(spectra.frames(280), 2);
        assert_eq!(spectra.frames(8000), 98);
        // Twice as loud: four times the energy in every band and frame.
        let sound = tone(500.0, 1000);
        let loud: Vec<f32> = sound.iter().map(|sample| 2.0 * sample).collect();
        for (soft, loud) in spectra.of(&sound).iter().zip(spectra.of(&loud)) {
            let [soft, loud] = [soft.exp() - FLOOR, loud.exp() - FLOOR];
            assert!((loud - 4.0 * soft).abs() <= 1e-3 * loud.abs() + 1e-6, "{soft} {loud}");
        }
    }
}
