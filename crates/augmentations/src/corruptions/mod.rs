//! Corruptions: other domains made of given samples, at five severities, one file each. Values are
//! those of ImageNet-C (Hendrycks, Dietterich: Benchmarking neural network robustness to common
//! corruptions and perturbations, ICLR 2019) where nothing else is said.

mod brightness;
mod contrast;
mod defocus_blur;
mod elastic_transform;
mod fog;
mod frost;
mod gaussian_blur;
mod gaussian_noise;
mod glass_blur;
mod impulse_noise;
mod jpeg_compression;
mod motion_blur;
mod noise_snr;
mod pixelate;
mod rotation;
mod saturate;
mod shot_noise;
mod snow;
mod speckle_noise;
mod zoom_blur;

pub use brightness::Brightness;
pub use contrast::Contrast;
pub use defocus_blur::DefocusBlur;
pub use elastic_transform::ElasticTransform;
pub use fog::Fog;
pub use frost::Frost;
pub use gaussian_blur::GaussianBlur;
pub use gaussian_noise::GaussianNoise;
pub use glass_blur::GlassBlur;
pub use impulse_noise::ImpulseNoise;
pub use jpeg_compression::JpegCompression;
pub use motion_blur::MotionBlur;
pub use noise_snr::NoiseSnr;
pub use pixelate::Pixelate;
pub use rotation::Rotation;
pub use saturate::Saturate;
pub use shot_noise::ShotNoise;
pub use snow::Snow;
pub use speckle_noise::SpeckleNoise;
pub use zoom_blur::ZoomBlur;

use isthmus_core::augmentation::ImagePixels;

use crate::image::{WHITE, byte};

/// The shorter side of the images of ImageNet-C, in pixels.
const SIDE: f64 = 224.0;

/// The length of one pixel of ImageNet-C in pixels of this image, whose shorter side counts.
fn proportion(image: &ImagePixels) -> f64 {
    image.height.min(image.width) as f64 / SIDE
}
