//! Images of a camera that moved towards what it shows.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::image::{Plane, change_channels};

/// The largest factor of enlargement, and the number of factors from 1 on, in equal steps.
const FACTORS: [(f64, usize); 5] = [(1.11, 12), (1.15, 16), (1.2, 11), (1.24, 13), (1.3, 11)];

/// Images of a camera that moved towards what it shows: the mean of the image and of its enlargements
/// around the centre by factors from 1 to 1.11, 1.15, 1.2, 1.24 and 1.3, in 12, 16, 11, 13 and 11 equal
/// steps; between pixels values are linear.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ZoomBlur {}

impl PluginConfig for ZoomBlur {}

impl CorruptionPlugin for ZoomBlur {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<ZoomBlur>(About {
        name: "zoom-blur",
        summary: "Blurs images from their centre outwards",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

impl Corruption for ZoomBlur {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, _key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        let (largest, count) = severity.of(FACTORS);
        let step = (largest - 1.0) / (count - 1) as f64;
        let centre = [image.height, image.width].map(|side| (side as f64 - 1.0) / 2.0);
        change_channels(image, |plane| {
            let mut sum = plane.clone();
            for factor in (0..count).map(|index| 1.0 + step * index as f64) {
                let from = |place: usize, centre: f64| (place as f64 - centre) / factor + centre;
                let larger = Plane::from_places(plane.size(), |row, column| {
                    plane.between(from(column, centre[1]), from(row, centre[0]))
                });
                sum.values.iter_mut().zip(larger.values).for_each(|(sum, own)| *sum += own);
            }
            sum.values.iter_mut().for_each(|value| *value /= (count + 1) as f32);
            sum
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_corrupts_pictures, corrupted, picture, point};

    #[test]
    fn pictures_are_corrupted() {
        assert_corrupts_pictures(&ZoomBlur {});
    }

    #[test]
    fn the_centre_stays_and_what_is_far_from_it_moves_outwards() {
        let image = picture(1, 225, 225);
        let blurred = corrupted(&ZoomBlur {}, &image, Severity::ALL[4]);
        let centre = 112 * 225 + 112;
        assert!(image.pixels[centre].abs_diff(blurred.pixels[centre]) <= 1);
        let mut image = point(225);
        image.pixels[centre] = 0;
        (100..124).for_each(|row| image.pixels[row * 225 + 180..row * 225 + 190].fill(255));
        let blurred = corrupted(&ZoomBlur {}, &image, Severity::ALL[4]);
        let lit = |columns: std::ops::Range<usize>| {
            blurred.pixels[112 * 225..][columns].iter().filter(|&&value| value > 10).count()
        };
        assert!(
            lit(0..179) == 0 && lit(190..210) >= 18,
            "{:?}",
            &blurred.pixels[112 * 225..][..225]
        );
    }
}
