//! Cutout: a square of the image is blanked.

use isthmus_core::augmentation::{Augmentation, SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, AugmentationPlugin, Plugin};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Fills a square of the image. Its centre is any pixel, with equal probability; what lies outside
/// the image is cut off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cutout {
    /// Side of the square as a share of the image's shorter side, in (0, 1].
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    pub share: f64,
    /// The grey, 0 to 255, of the square.
    pub fill: u8,
}

impl Default for Cutout {
    fn default() -> Self {
        Self { share: 0.5, fill: 0 }
    }
}

impl PluginConfig for Cutout {}

impl AugmentationPlugin for Cutout {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Augmentation> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::augmentation::<Cutout>(About {
        name: "cutout",
        summary: "Blanks a square of an image",
        paper: "DeVries, Taylor: Improved regularization of convolutional neural networks with \
                cutout, 2017",
    })
}

impl Augmentation for Cutout {
    fn apply(&self, sample: SampleMut<'_>, key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        let shorter = image.height.min(image.width);
        if shorter == 0 {
            return;
        }
        let side = ((self.share * shorter as f64).round() as usize).max(1);
        let mut random = key.rng();
        let row = random.random_range(0..image.height);
        let column = random.random_range(0..image.width);
        let part = |centre: usize, extent: usize| {
            let end = centre + side.div_ceil(2);
            end.saturating_sub(side)..end.min(extent)
        };
        for row in part(row, image.height) {
            let columns = part(column, image.width);
            let start = (row * image.width + columns.start) * image.channels;
            let end = (row * image.width + columns.end) * image.channels;
            image.pixels[start..end].fill(self.fill);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_by_key, grey_ramp, image};

    #[test]
    fn a_square_of_the_right_size_is_filled() {
        let cutout = Cutout { share: 0.5, fill: 1 };
        assert_by_key(|key| image(&cutout, &grey_ramp(), key));
        let mut whole = 0;
        for index in 0..200 {
            let cut = image(&cutout, &grey_ramp(), &Key::new(index));
            let filled: Vec<usize> = (0..64).filter(|&at| cut.pixels[at] == 1).collect();
            assert!((1..=16).contains(&filled.len()), "{}", filled.len());
            whole += usize::from(filled.len() == 16);
            for at in 0..64 {
                assert!(cut.pixels[at] == 1 || cut.pixels[at] == grey_ramp().pixels[at]);
            }
            let columns = filled.iter().map(|at| at % 8);
            let rows = filled.iter().map(|at| at / 8);
            let extent = |values: &mut dyn Iterator<Item = usize>| {
                let values: Vec<usize> = values.collect();
                values.iter().max().unwrap() - values.iter().min().unwrap() + 1
            };
            assert_eq!(extent(&mut columns.clone()) * extent(&mut rows.clone()), filled.len());
        }
        assert!(whole > 40, "{whole} of 200 squares lie inside");
    }
}
