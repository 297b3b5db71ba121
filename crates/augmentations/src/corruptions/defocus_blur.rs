//! Images out of focus.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::proportion;
use crate::image::{Kernel, change_channels};

/// Radii of the disk, in pixels of an image whose shorter side has 224.
const RADII: [f64; 5] = [3.0, 4.0, 6.0, 8.0, 10.0];

/// Images out of focus: each pixel becomes the mean over a disk around it; the border is repeated
/// outwards. The radius is 3, 4, 6, 8 and 10 pixels of an image whose shorter side has 224, and in
/// proportion for others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DefocusBlur {}

impl PluginConfig for DefocusBlur {}

impl CorruptionPlugin for DefocusBlur {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<DefocusBlur>(About {
        name: "defocus-blur",
        summary: "Blurs images as a lens out of focus does",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

impl Corruption for DefocusBlur {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, _key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        let kernel = Kernel::disk(severity.of(RADII) * proportion(image));
        change_channels(image, |plane| plane.filtered(&kernel));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_corrupts_pictures, corrupted, point};

    #[test]
    fn pictures_are_corrupted() {
        assert_corrupts_pictures(&DefocusBlur {});
    }

    #[test]
    fn a_point_becomes_a_disk_of_one_brightness() {
        let blurred = corrupted(&DefocusBlur {}, &point(224), Severity::ALL[4]);
        let at = |row: usize, column: usize| blurred.pixels[row * 224 + column];
        let inside = at(112, 112);
        assert!(inside >= 1 && at(112, 120) == inside && at(105, 112) == inside);
        assert_eq!([at(112, 124), at(100, 112), at(104, 104)], [0; 3]);
    }
}
