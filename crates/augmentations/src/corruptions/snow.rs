//! Images with snow.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use rand::RngExt;
use rand_distr::StandardNormal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{WHITE, byte, proportion};
use crate::image::{Kernel, Plane, luma};

/// How much snow falls and what is left of the image.
#[derive(Clone, Copy)]
struct Fall {
    /// Mean of the values from which flakes are made; their standard deviation is [`DEVIATION`].
    mean: f32,
    /// Side of a flake.
    flake: f64,
    /// Values from which there is a flake.
    threshold: f32,
    /// How far flakes fall, and the standard deviation of the half Gaussian by which they fade.
    fall: (f64, f64),
    /// The share of the image that is not whitened.
    left: f32,
}

const fn fall(mean: f32, flake: f64, threshold: f32, fall: (f64, f64), left: f32) -> Fall {
    Fall { mean, flake, threshold, fall, left }
}

/// Lengths are in pixels of an image whose shorter side has 224.
const FALLS: [Fall; 5] = [
    fall(0.1, 3.0, 0.5, (20.0, 4.0), 0.8),
    fall(0.2, 2.0, 0.5, (24.0, 4.0), 0.7),
    fall(0.55, 4.0, 0.9, (24.0, 8.0), 0.7),
    fall(0.55, 4.5, 0.85, (24.0, 8.0), 0.65),
    fall(0.55, 2.5, 0.85, (24.0, 12.0), 0.55),
];
const DEVIATION: f32 = 0.3;
/// The directions that snow falls in, in degrees; 90 is straight down.
const DEGREES: std::ops::Range<f64> = 45.0..135.0;
/// What the whitened part of an image is: its grey times the first plus the second.
const WHITENED: (f32, f32) = (1.5, 0.5);

/// Images with snow: flakes of 3, 2, 4, 4.5 and 2.5 pixels, blurred along the direction in which they
/// fall and added twice, once upside down, to the image, of which 20, 30, 30, 35 and 45 % is whitened
/// before. Lengths are in pixels of an image whose shorter side has 224, and in proportion for others;
/// a flake has at least one pixel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Snow {}

impl PluginConfig for Snow {}

impl CorruptionPlugin for Snow {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<Snow>(About {
        name: "snow",
        summary: "Adds falling snow to images",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

/// The snow before an image, `[height, width]`, from 0 to 1.
fn layer(size: [usize; 2], scale: f64, snow: Fall, random: &mut impl RngExt) -> Plane {
    let flake = (snow.flake * scale).max(1.0);
    let cells = size.map(|side| (side as f64 / flake).ceil() as usize + 1);
    let values = Plane::from_places(cells, |_, _| {
        snow.mean + DEVIATION * random.sample::<f32, _>(StandardNormal)
    });
    let flakes = Plane::from_places(size, |row, column| {
        let value = values.between(column as f64 / flake, row as f64 / flake);
        if value < snow.threshold { 0.0 } else { value.min(1.0) }
    });
    let (length, deviation) = snow.fall;
    let degrees = random.random_range(DEGREES);
    flakes.filtered(&Kernel::along_line(length * scale, deviation * scale, degrees))
}

impl Corruption for Snow {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        if image.pixels.is_empty() {
            return;
        }
        let snow = severity.of(FALLS);
        let layer = layer([image.height, image.width], proportion(image), snow, &mut key.rng());
        let upside_down = layer.values.iter().rev();
        let flakes = layer.values.iter().zip(upside_down).map(|(one, other)| one + other);
        for (pixel, flakes) in image.pixels.chunks_exact_mut(image.channels).zip(flakes) {
            let grey = match &*pixel {
                [grey] => *grey,
                colour => luma(colour),
            };
            let white = f32::from(grey) / WHITE * WHITENED.0 + WHITENED.1;
            for channel in pixel {
                let value = f32::from(*channel) / WHITE;
                *channel = byte(snow.left * value + (1.0 - snow.left) * value.max(white) + flakes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_corrupts_pictures, assert_draws_by_key, corrupted, picture};

    #[test]
    fn pictures_are_corrupted() {
        assert_corrupts_pictures(&Snow {});
        assert_draws_by_key(&Snow {});
    }

    #[test]
    fn no_pixel_becomes_darker() {
        for channels in [1, 3] {
            let image = picture(channels, 60, 90);
            for severity in Severity::ALL {
                let snowy = corrupted(&Snow {}, &image, severity);
                assert!(
                    snowy.pixels.iter().zip(&image.pixels).all(|(after, before)| after >= before)
                );
            }
        }
    }
}
