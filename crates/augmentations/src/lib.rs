//! Augmentations: random changes of samples while a model is trained, one file each. What becomes
//! of a sample depends on its values and its key alone.
//!
//! - images: [`RandAugment`], [`Cutout`]
//! - series: [`Jitter`], [`Scaling`], [`Permutation`], [`WindowWarp`], [`NoiseSnr`]
//! - sound: [`Reverberation`], and of its spectra [`SpecAugment`]
//! - features: [`FeatureDropout`]
//! - texts: [`WordDropout`], [`WordMasking`]
//! - all but texts: [`GaussianNoise`]
//!
//! And [`corruptions`], which make other domains of a data set's samples.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod corruptions;
mod cutout;
mod feature_dropout;
mod gaussian_noise;
mod image;
mod jitter;
mod noise;
mod noise_snr;
mod permutation;
mod rand_augment;
mod reverberation;
mod scaling;
mod spec_augment;
#[cfg(test)]
mod testing;
mod window_warp;
mod word_dropout;
mod word_masking;

pub use cutout::Cutout;
pub use feature_dropout::FeatureDropout;
pub use gaussian_noise::GaussianNoise;
pub use jitter::Jitter;
pub use noise::NoiseColour;
pub use noise_snr::NoiseSnr;
pub use permutation::Permutation;
pub use rand_augment::RandAugment;
pub use reverberation::Reverberation;
pub use scaling::Scaling;
pub use spec_augment::SpecAugment;
pub use window_warp::WindowWarp;
pub use word_dropout::WordDropout;
pub use word_masking::WordMasking;
