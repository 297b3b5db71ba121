//! RandAugment: a few random operations on an image.

use isthmus_core::augmentation::{Augmentation, ImagePixels, SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, AugmentationPlugin, Plugin};
use rand::RngExt;
use rand_distr::StandardNormal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::image;

/// The largest magnitude.
const LARGEST: f64 = 10.0;
/// What the operations do at the largest magnitude, as in torchvision.
const DEGREES: f64 = 30.0;
const SLOPE: f64 = 0.3;
const SHIFT: f64 = 150.0 / 331.0;
const ENHANCEMENT: f64 = 0.9;
const LOST_BITS: f64 = 4.0;

/// RandAugment: some operations on the image, each drawn at random from fourteen: identity,
/// autocontrast, equalize, rotate (up to 30 degrees), solarize, color, posterize (down to 4 bits),
/// contrast, brightness, sharpness (factors 0.1 to 1.9), shear in x and in y (up to 0.3), translate
/// in x and in y (up to 45 % of the side). The defaults are those with which tllib trains FixMatch
/// (`rand-m10-n2-mstd2` of timm).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RandAugment {
    /// Number of operations.
    #[schemars(range(min = 1))]
    pub operations: usize,
    /// How strong each operation is, 0 to 10.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub magnitude: f64,
    /// Standard deviation of the magnitude, which is then drawn for each operation and cut off to 0
    /// to 10.
    #[schemars(range(min = 0.0))]
    pub deviation: f64,
    /// Probability with which each operation is done.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
    /// The grey, 0 to 255, of what comes in from outside the image.
    pub fill: u8,
}

impl Default for RandAugment {
    fn default() -> Self {
        Self { operations: 2, magnitude: LARGEST, deviation: 2.0, probability: 0.5, fill: 0 }
    }
}

impl PluginConfig for RandAugment {}

impl AugmentationPlugin for RandAugment {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Augmentation> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::augmentation::<RandAugment>(About {
        name: "rand-augment",
        summary: "A few random operations on an image: colours, rotation, shear, translation",
        paper: "Cubuk, Zoph, Shlens, Le: RandAugment: practical automated data augmentation with a \
                reduced search space, NeurIPS 2020",
    })
}

/// What can be done to an image.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Identity,
    Autocontrast,
    Equalize,
    Rotate,
    Solarize,
    Color,
    Posterize,
    Contrast,
    Brightness,
    Sharpness,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
}

impl Operation {
    const ALL: [Self; 14] = [
        Self::Identity,
        Self::Autocontrast,
        Self::Equalize,
        Self::Rotate,
        Self::Solarize,
        Self::Color,
        Self::Posterize,
        Self::Contrast,
        Self::Brightness,
        Self::Sharpness,
        Self::ShearX,
        Self::ShearY,
        Self::TranslateX,
        Self::TranslateY,
    ];

    /// Changes an image; `level` is from 0 to 1, `sign` 1 or -1.
    fn apply(self, pixels: &mut ImagePixels, level: f64, sign: f64, fill: u8) {
        let factor = 1.0 + sign * ENHANCEMENT * level;
        let shift = |side: usize| sign * SHIFT * level * side as f64;
        match self {
            Self::Identity => {}
            Self::Autocontrast => image::autocontrast(pixels),
            Self::Equalize => image::equalize(pixels),
            Self::Rotate => image::rotate(pixels, sign * DEGREES * level, fill),
            Self::Solarize => image::solarize(pixels, 255.0 * (1.0 - level)),
            Self::Color => image::color(pixels, factor),
            Self::Posterize => image::posterize(pixels, 8 - (LOST_BITS * level).round() as u32),
            Self::Contrast => image::contrast(pixels, factor),
            Self::Brightness => image::brightness(pixels, factor),
            Self::Sharpness => image::sharpness(pixels, factor),
            Self::ShearX => image::shear_x(pixels, sign * SLOPE * level, fill),
            Self::ShearY => image::shear_y(pixels, sign * SLOPE * level, fill),
            Self::TranslateX => image::translate(pixels, [shift(pixels.width), 0.0], fill),
            Self::TranslateY => image::translate(pixels, [0.0, shift(pixels.height)], fill),
        }
    }
}

impl Augmentation for RandAugment {
    fn apply(&self, sample: SampleMut<'_>, key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        let mut random = key.rng();
        for _ in 0..self.operations {
            // Every draw is made, so that no draw depends on another one.
            let operation = Operation::ALL[random.random_range(0..Operation::ALL.len())];
            let sign = if random.random_bool(0.5) { 1.0 } else { -1.0 };
            let done = random.random_bool(self.probability);
            let magnitude =
                self.magnitude + self.deviation * random.sample::<f64, _>(StandardNormal);
            if done {
                let level = magnitude.clamp(0.0, LARGEST) / LARGEST;
                operation.apply(image, level, sign, self.fill);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_by_key, colours, grey_ramp, image};

    #[test]
    fn an_image_is_changed_by_its_key_and_keeps_its_shape() {
        let strong = RandAugment { operations: 3, probability: 1.0, ..RandAugment::default() };
        for original in [colours(), grey_ramp()] {
            assert_by_key(|key| image(&strong, &original, key));
        }
    }

    #[test]
    fn a_probability_of_zero_changes_nothing() {
        let never = RandAugment { probability: 0.0, ..RandAugment::default() };
        for index in 0..20 {
            assert_eq!(image(&never, &colours(), &Key::new(index)), colours());
        }
    }

    #[test]
    fn every_operation_but_identity_changes_an_image_at_full_magnitude() {
        // Colours of low contrast: neither stretched nor equalised yet.
        let mut dull = colours();
        dull.height = 20;
        dull.width = 30;
        dull.pixels = (0..20 * 30 * 3).map(|index| (60 + index * 37 % 101) as u8).collect();
        for operation in Operation::ALL {
            let (mut full, mut none) = (dull.clone(), dull.clone());
            operation.apply(&mut full, 1.0, -1.0, 0);
            operation.apply(&mut none, 0.0, 1.0, 0);
            assert_eq!(full == dull, matches!(operation, Operation::Identity), "{operation:?}");
            if !matches!(operation, Operation::Autocontrast | Operation::Equalize) {
                assert_eq!(none, dull, "{operation:?} at no magnitude");
            }
        }
    }

    #[test]
    fn larger_magnitudes_change_more() {
        let distance = |magnitude: f64| -> u64 {
            let augmentation = RandAugment {
                magnitude,
                deviation: 0.0,
                probability: 1.0,
                ..RandAugment::default()
            };
            (0..100)
                .map(|index| {
                    let changed = image(&augmentation, &grey_ramp(), &Key::new(index)).pixels;
                    let pairs = changed.iter().zip(grey_ramp().pixels);
                    pairs.map(|(a, b)| u64::from(a.abs_diff(b))).sum::<u64>()
                })
                .sum()
        };
        let [small, middle, large] = [1.0, 5.0, 10.0].map(distance);
        assert!(small < middle && middle < large, "{small}, {middle}, {large}");
    }
}
