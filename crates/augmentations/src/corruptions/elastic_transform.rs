//! Images that are stretched and contracted in places.

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
use crate::image::{Plane, change_channels, gaussian};

/// Standard deviations of how far pixels move, right and down, in pixels of an image whose shorter
/// side has 224.
const DISTANCES: [f32; 5] = [1.02, 1.32, 1.73, 2.04, 2.44];
/// The standard deviation of the Gaussian that makes neighbours move alike, in the same pixels.
const SMOOTHNESS: f32 = 2.24;

/// Stretches and contracts small parts of images: each pixel is taken from a place nearby, neighbours
/// from similar ones; between pixels values are linear, the border is repeated outwards. The standard
/// deviation of these distances is 1.02, 1.32, 1.73, 2.04 and 2.44 pixels in each direction, the field
/// of distances is smoothed by a Gaussian of 2.24 pixels. Lengths are in pixels of an image whose
/// shorter side has 224, and in proportion for others. The values are those of Michaelis et al.
/// (Benchmarking robustness in object detection, 2019), who leave out the affine map that ImageNet-C's
/// first two severities consist of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ElasticTransform {}

impl PluginConfig for ElasticTransform {}

impl CorruptionPlugin for ElasticTransform {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<ElasticTransform>(About {
        name: "elastic-transform",
        summary: "Stretches and contracts small parts of images",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

/// How far each pixel moves in one direction: smoothed noise of this standard deviation.
fn distances(size: [usize; 2], deviation: f32, smoothness: f32, random: &mut impl RngExt) -> Plane {
    let mut noise = Plane::from_places(size, |_, _| random.random_range(-1.0..1.0_f32));
    noise = noise.blurred(smoothness);
    // Uniform noise has a variance of 1/3; each direction of the filter scales the deviation.
    let kept = match smoothness > 0.0 {
        true => {
            let weights = gaussian(smoothness);
            2.0 * weights.iter().map(|it| it * it).sum::<f32>() - weights[0] * weights[0]
        }
        false => 1.0,
    };
    let scale = deviation * 3.0_f32.sqrt() / kept;
    noise.values.iter_mut().for_each(|value| *value *= scale);
    noise
}

impl Corruption for ElasticTransform {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        if image.pixels.is_empty() {
            return;
        }
        let scale = proportion(image) as f32;
        let size = [image.height, image.width];
        let mut random = key.rng();
        let mut draw =
            || distances(size, severity.of(DISTANCES) * scale, SMOOTHNESS * scale, &mut random);
        let [right, down] = [draw(), draw()];
        change_channels(image, |plane| {
            Plane::from_places(size, |row, column| {
                let moved = |by: &Plane| f64::from(by.values[row * size[1] + column]);
                plane.between(column as f64 + moved(&right), row as f64 + moved(&down))
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_corrupts_pictures, assert_draws_by_key, corrupted, flat, moments};

    #[test]
    fn pictures_are_corrupted() {
        assert_corrupts_pictures(&ElasticTransform {});
        assert_draws_by_key(&ElasticTransform {});
    }

    #[test]
    fn pixels_move_as_far_as_stated_and_keep_their_values() {
        for smoothness in [0.0, 0.3, 2.24] {
            let plane = distances([224, 224], 2.0, smoothness, &mut Key::new(1).rng());
            let [mean, deviation] = moments(&plane.values);
            assert!(mean.abs() < 0.2 && (deviation - 2.0).abs() < 0.15, "{mean} {deviation}");
        }
        assert_eq!(corrupted(&ElasticTransform {}, &flat(90), Severity::ALL[4]), flat(90));
    }
}
