//! Corruptions: other domains made of given samples, at five severities, one file each. Values are
//! those of ImageNet-C (Hendrycks, Dietterich: Benchmarking neural network robustness to common
//! corruptions and perturbations, ICLR 2019) where nothing else is said.

mod brightness;
mod contrast;
mod gaussian_blur;
mod gaussian_noise;
mod impulse_noise;
mod noise_snr;
mod shot_noise;

pub use brightness::Brightness;
pub use contrast::Contrast;
pub use gaussian_blur::GaussianBlur;
pub use gaussian_noise::GaussianNoise;
pub use impulse_noise::ImpulseNoise;
pub use noise_snr::NoiseSnr;
pub use shot_noise::ShotNoise;

/// The value of a white pixel.
const WHITE: f32 = 255.0;

/// A value in [0, 1], cut off to a byte.
fn byte(value: f32) -> u8 {
    (value * WHITE).round().clamp(0.0, WHITE) as u8
}
