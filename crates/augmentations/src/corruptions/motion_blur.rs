//! Images of a camera that moved.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::proportion;
use crate::image::{Kernel, change_channels};

/// How far the camera moved, and the standard deviation of the half Gaussian that the weights fall
/// by, in pixels of an image whose shorter side has 224.
const LENGTHS: [(f64, f64); 5] =
    [(20.0, 3.0), (30.0, 5.0), (30.0, 8.0), (30.0, 12.0), (40.0, 15.0)];
/// The furthest that the direction is from horizontal, in degrees.
const DEGREES: f64 = 45.0;

/// Images of a camera that moved: each pixel becomes a mean along a line that begins at it, in a
/// direction drawn from -45 to 45 degrees; the border is repeated outwards. Weights fall as half a
/// Gaussian with a standard deviation of 3, 5, 8, 12 and 15 pixels of an image whose shorter side has
/// 224, and in proportion for others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MotionBlur {}

impl PluginConfig for MotionBlur {}

impl CorruptionPlugin for MotionBlur {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<MotionBlur>(About {
        name: "motion-blur",
        summary: "Blurs images along a line",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

impl Corruption for MotionBlur {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        let (length, deviation) = severity.of(LENGTHS);
        let scale = proportion(image);
        let degrees = key.rng().random_range(-DEGREES..DEGREES);
        let kernel = Kernel::along_line(length * scale, deviation * scale, degrees);
        change_channels(image, |plane| plane.filtered(&kernel));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_corrupts_pictures, assert_draws_by_key, corrupted, point};

    #[test]
    fn pictures_are_corrupted() {
        assert_corrupts_pictures(&MotionBlur {});
        assert_draws_by_key(&MotionBlur {});
    }

    #[test]
    fn the_mean_stays_and_what_is_left_lies_on_a_line() {
        let mut image = point(224);
        // A bar, so that no part of it falls below a byte's step.
        (100..124).for_each(|row| image.pixels[row * 224 + 80..row * 224 + 144].fill(200));
        let sum = |pixels: &[u8]| pixels.iter().map(|&it| f64::from(it)).sum::<f64>();
        for severity in Severity::ALL {
            let blurred = corrupted(&MotionBlur {}, &image, severity);
            let (before, after) = (sum(&image.pixels), sum(&blurred.pixels));
            assert!((after / before - 1.0).abs() < 0.005, "{severity}: {before} {after}");
        }
    }
}
