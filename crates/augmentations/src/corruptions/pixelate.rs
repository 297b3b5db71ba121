//! Images of few pixels.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::image::{Plane, change_channels};

/// The share of pixels a side that is left.
const LEFT: [f64; 5] = [0.6, 0.5, 0.4, 0.3, 0.25];

/// Images of few pixels: blocks of pixels become their mean. Of the pixels a side, 60, 50, 40, 30 and
/// 25 % are left.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pixelate {}

impl PluginConfig for Pixelate {}

impl CorruptionPlugin for Pixelate {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<Pixelate>(About {
        name: "pixelate",
        summary: "Makes blocks of pixels one colour",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

/// The block that each place of a side lies in.
fn blocks(side: usize, left: f64) -> Vec<usize> {
    let count = ((side as f64 * left) as usize).max(1);
    (0..side).map(|place| (2 * place + 1) * count / (2 * side)).collect()
}

impl Corruption for Pixelate {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, _key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        let left = severity.of(LEFT);
        let [rows, columns] = [image.height, image.width].map(|side| blocks(side, left));
        let across = columns.last().map_or(0, |last| last + 1);
        let block = |row: usize, column: usize| rows[row] * across + columns[column];
        change_channels(image, |plane| {
            let mut sums =
                vec![(0.0_f32, 0.0_f32); rows.last().map_or(0, |last| last + 1) * across];
            for (place, value) in plane.values.iter().enumerate() {
                let (sum, count) = &mut sums[block(place / plane.width, place % plane.width)];
                *sum += value;
                *count += 1.0;
            }
            Plane::from_places(plane.size(), |row, column| {
                let (sum, count) = sums[block(row, column)];
                sum / count
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_corrupts_pictures, corrupted, picture};

    #[test]
    fn pictures_are_corrupted() {
        assert_corrupts_pictures(&Pixelate {});
    }

    #[test]
    fn blocks_are_the_means_of_their_pixels() {
        let image = picture(1, 40, 20);
        // Half of the pixels a side.
        let coarse = corrupted(&Pixelate {}, &image, Severity::ALL[1]);
        for (row, column) in [(0, 0), (10, 6), (38, 18)] {
            let four = |pixels: &[u8]| {
                let at = |down: usize, right: usize| pixels[(row + down) * 20 + column + right];
                [at(0, 0), at(0, 1), at(1, 0), at(1, 1)]
            };
            let mean = four(&image.pixels).map(f32::from).iter().sum::<f32>() / 4.0;
            assert!((f32::from(four(&coarse.pixels)[0]) - mean).abs() <= 0.51);
            assert!(four(&coarse.pixels).iter().all(|value| *value == four(&coarse.pixels)[0]));
        }
        assert_eq!(blocks(28, 0.25), [0, 1, 2, 3, 4, 5, 6].map(|it| [it; 4]).concat());
    }
}
