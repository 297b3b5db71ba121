//! Turned images.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::image::rotate;

/// Degrees, counter-clockwise.
const DEGREES: [f64; 5] = [15.0, 30.0, 45.0, 60.0, 75.0];

/// Turns images counter-clockwise around their centre, by 15, 30, 45, 60 and 75 degrees; between pixels
/// values are linear, what comes in from outside is black. Of MNIST it makes the domains of rotated
/// MNIST.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rotation {}

impl PluginConfig for Rotation {}

impl CorruptionPlugin for Rotation {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<Rotation>(About {
        name: "rotation",
        summary: "Turns images by 15 to 75 degrees",
        paper: "Ghifary, Kleijn, Zhang, Balduzzi: Domain generalization for object recognition with \
                multi-task autoencoders, ICCV 2015",
    })
}

impl Corruption for Rotation {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, _key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        rotate(image, severity.of(DEGREES), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_changes_pictures, corrupted, point};

    #[test]
    fn pictures_are_corrupted() {
        assert_changes_pictures(&Rotation {});
    }

    #[test]
    fn what_is_right_of_the_centre_moves_up() {
        let mut image = point(41);
        image.pixels[20 * 41 + 34] = 255;
        for severity in Severity::ALL {
            let turned = corrupted(&Rotation {}, &image, severity);
            let (sine, cosine) = severity.of(DEGREES).to_radians().sin_cos();
            let row = (20.0 - 14.0 * sine).round() as usize;
            let column = (20.0 + 14.0 * cosine).round() as usize;
            assert!(turned.pixels[row * 41 + column] > 60, "{severity}");
            assert_eq!(turned.pixels[20 * 41 + 34], 0);
        }
    }
}
