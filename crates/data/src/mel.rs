//! Log-mel spectra of sound.

use std::f32::consts::PI;
use std::sync::Arc;

use isthmus_core::spec::LogMel;
use realfft::{RealFftPlanner, RealToComplex};

/// Added to energies before the logarithm: about the noise of 16-bit samples.
const FLOOR: f32 = 1e-6;

/// Turns samples of sound into the logarithms of energies in bands of equal width on the mel scale.
///
/// Hann window, discrete Fourier transform of the frame, triangular bands from 0 to half the sample
/// rate, `mel(f) = 2595 log10(1 + f / 700)` (Davis and Mermelstein, 1980).
pub(crate) struct MelSpectra {
    frame: usize,
    step: usize,
    bands: Vec<Band>,
    subtract_mean: bool,
    window: Vec<f32>,
    transform: Arc<dyn RealToComplex<f32>>,
}

/// The bins of the transform that are in a band, from the first one on, with their weights.
struct Band {
    first: usize,
    weights: Vec<f32>,
}

impl MelSpectra {
    /// For sound of `rate` samples a second.
    pub fn new(rate: u32, spec: &LogMel) -> Self {
        let samples = |seconds: f64| (seconds * f64::from(rate)).round() as usize;
        let (frame, step) = (samples(spec.frame).max(2), samples(spec.step).max(1));
        let window = |sample: usize| 0.5 - 0.5 * (2.0 * PI * sample as f32 / frame as f32).cos();
        let rate = rate as f32;
        let mel = |frequency: f32| 2595.0 * (1.0 + frequency / 700.0).log10();
        let width = mel(rate / 2.0) / (spec.bands + 1) as f32;
        let places: Vec<f32> =
            (0..=frame / 2).map(|bin| mel(bin as f32 * rate / frame as f32) / width).collect();
        let band = |band: usize| {
            let weight = |place: &f32| (1.0 - (place - (band + 1) as f32).abs()).max(0.0);
            let first = places.iter().position(|place| weight(place) > 0.0).unwrap_or(0);
            let own = places[first..].iter().map(weight).take_while(|weight| *weight > 0.0);
            Band { first, weights: own.collect() }
        };
        Self {
            frame,
            step,
            bands: (0..spec.bands).map(band).collect(),
            subtract_mean: spec.subtract_mean,
            window: (0..frame).map(window).collect(),
            transform: RealFftPlanner::new().plan_fft_forward(frame),
        }
    }

    /// Number of bands.
    pub fn bands(&self) -> usize {
        self.bands.len()
    }

    /// Number of frames of so many samples; sound shorter than a frame is filled up with silence.
    pub fn frames(&self, samples: usize) -> usize {
        samples.saturating_sub(self.frame) / self.step + 1
    }

    /// Log-energies `[bands, frames]` of samples in [-1, 1].
    pub fn of(&self, samples: &[f32]) -> Vec<f32> {
        let frames = self.frames(samples.len());
        let mut spectra = vec![0.0; self.bands.len() * frames];
        let mut windowed = self.transform.make_input_vec();
        let mut bins = self.transform.make_output_vec();
        let mut scratch = self.transform.make_scratch_vec();
        for place in 0..frames {
            let start = place * self.step;
            let sound = samples[start.min(samples.len())..].iter().chain(std::iter::repeat(&0.0));
            for ((value, sample), window) in windowed.iter_mut().zip(sound).zip(&self.window) {
                *value = sample * window;
            }
            self.transform
                .process_with_scratch(&mut windowed, &mut bins, &mut scratch)
                .expect("the vectors are of the transform's own lengths");
            for (band, energies) in self.bands.iter().zip(spectra.chunks_exact_mut(frames)) {
                let bins = bins[band.first..].iter().zip(&band.weights);
                let energy: f32 = bins.map(|(bin, weight)| weight * bin.norm_sqr()).sum();
                energies[place] = (energy / self.frame as f32 + FLOOR).ln();
            }
        }
        if self.subtract_mean {
            for band in spectra.chunks_exact_mut(frames) {
                let mean = band.iter().sum::<f32>() / band.len() as f32;
                band.iter_mut().for_each(|value| *value -= mean);
            }
        }
        spectra
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spectra(bands: usize) -> MelSpectra {
        MelSpectra::new(8000, &LogMel { bands, ..LogMel::default() })
    }

    fn tone(frequency: f32, samples: usize) -> Vec<f32> {
        (0..samples).map(|it| (2.0 * PI * frequency * it as f32 / 8000.0).sin()).collect()
    }

    #[test]
    fn a_tone_is_loudest_in_the_band_that_holds_it() {
        let spectra = spectra(20);
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

    /// The same by the sums that define it.
    #[test]
    fn energies_are_those_of_the_discrete_fourier_transform() {
        let (bands, frame) = (12, 200);
        let sound: Vec<f32> =
            (0..470).map(|it| ((it * it % 83) as f32 / 83.0 - 0.5).sin()).collect();
        let found = spectra(bands).of(&sound);
        let frames = 1 + (470 - 200) / 80;
        assert_eq!(found.len(), bands * frames);
        let mel = |f: f64| 2595.0 * (1.0 + f / 700.0).log10();
        let width = mel(4000.0) / (bands + 1) as f64;
        for place in 0..frames {
            let energies: Vec<f64> = (0..=frame / 2)
                .map(|bin| {
                    let turn = 2.0 * std::f64::consts::PI / frame as f64;
                    let sum = |wave: fn(f64) -> f64| -> f64 {
                        let value = |it: usize| {
                            let window = 0.5 - 0.5 * (turn * it as f64).cos();
                            f64::from(sound[80 * place + it])
                                * window
                                * wave(turn * (bin * it) as f64)
                        };
                        (0..frame).map(value).sum()
                    };
                    (sum(f64::cos).powi(2) + sum(f64::sin).powi(2)) / frame as f64
                })
                .collect();
            for band in 0..bands {
                let weighted = energies.iter().enumerate().map(|(bin, energy)| {
                    let place = mel(bin as f64 * 40.0) / width;
                    energy * (1.0 - (place - (band + 1) as f64).abs()).max(0.0)
                });
                let expected = (weighted.sum::<f64>() + f64::from(FLOOR)).ln();
                let found = f64::from(found[band * frames + place]);
                assert!((found - expected).abs() < 1e-3, "{band} {place}: {found} {expected}");
            }
        }
    }

    #[test]
    fn frames_follow_every_ten_milliseconds() {
        let spectra = spectra(8);
        assert_eq!(spectra.frames(0), 1);
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

    #[test]
    fn the_mean_of_each_band_is_taken_out() {
        let spec = LogMel { bands: 4, subtract_mean: true, ..LogMel::default() };
        let spectra = MelSpectra::new(8000, &spec);
        for band in spectra.of(&tone(500.0, 1000)).chunks(spectra.frames(1000)) {
            let mean = band.iter().sum::<f32>() / band.len() as f32;
            assert!(mean.abs() < 1e-5, "{mean}");
        }
        assert!(
            MelSpectra::new(8000, &LogMel { bands: 500, ..LogMel::default() })
                .of(&tone(500.0, 300))
                .iter()
                .all(|value| value.is_finite())
        );
    }
}
