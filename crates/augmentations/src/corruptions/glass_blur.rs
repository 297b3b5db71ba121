//! Images seen through frosted glass.

use isthmus_core::augmentation::ImagePixels;
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
use crate::image::change_channels;

/// Standard deviation of the filter before and after, how far pixels are swapped (both in pixels of an
/// image whose shorter side has 224), and how often.
const VALUES: [(f32, f64, usize); 5] =
    [(0.7, 1.0, 2), (0.9, 2.0, 1), (1.0, 2.0, 3), (1.1, 3.0, 2), (1.5, 4.0, 2)];

/// Images seen through frosted glass: a Gaussian filter, neighbours swapped at random, and the filter
/// again. Its standard deviation is 0.7, 0.9, 1, 1.1 and 1.5 pixels; each pixel is swapped 2, 1, 3, 2
/// and 2 times with one up to 1, 2, 2, 3 and 4 pixels above or to the left of it. Lengths are in pixels
/// of an image whose shorter side has 224, and in proportion for others; where a distance is no whole
/// number of pixels, some pixels have the next larger one, so that the mean is right.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GlassBlur {}

impl PluginConfig for GlassBlur {}

impl CorruptionPlugin for GlassBlur {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<GlassBlur>(About {
        name: "glass-blur",
        summary: "Swaps pixels with their neighbours, as frosted glass seems to do",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

impl Corruption for GlassBlur {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        let scale = proportion(image);
        let (deviation, distance, times) = severity.of(VALUES);
        let (deviation, distance) = (deviation * scale as f32, distance * scale);
        change_channels(image, |plane| plane.blurred(deviation));
        let mut random = key.rng();
        for _ in 0..times {
            swap(image, distance, &mut random);
        }
        change_channels(image, |plane| plane.blurred(deviation));
    }
}

/// Swaps each pixel, the last one first, with one at most so far away.
fn swap(image: &mut ImagePixels, distance: f64, random: &mut impl RngExt) {
    let (height, width, channels) = (image.height as i64, image.width as i64, image.channels);
    for row in (0..height).rev() {
        for column in (0..width).rev() {
            let further = random.random_bool(distance.fract());
            let furthest = distance.floor() as i64 + i64::from(further);
            if furthest == 0 {
                continue;
            }
            let mut draw = |place: i64, size: i64| {
                (place + random.random_range(-furthest..furthest)).clamp(0, size - 1)
            };
            let (other_row, other_column) = (draw(row, height), draw(column, width));
            let pixel = |row: i64, column: i64| (row * width + column) as usize * channels;
            for channel in 0..channels {
                image
                    .pixels
                    .swap(pixel(row, column) + channel, pixel(other_row, other_column) + channel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_corrupts_pictures, assert_draws_by_key, picture};

    #[test]
    fn pictures_are_corrupted() {
        assert_corrupts_pictures(&GlassBlur {});
        assert_draws_by_key(&GlassBlur {});
    }

    #[test]
    fn swapped_pixels_keep_their_colours_and_stay_near() {
        let image = picture(3, 60, 60);
        let mut swapped = image.clone();
        swap(&mut swapped, 1.5, &mut Key::new(1).rng());
        assert_ne!(swapped, image);
        let colours = |image: &ImagePixels| {
            let mut colours: Vec<Vec<u8>> = image.pixels.chunks(3).map(<[u8]>::to_vec).collect();
            colours.sort();
            colours
        };
        assert_eq!(colours(&swapped), colours(&image));
        let mut unmoved = image.clone();
        swap(&mut unmoved, 0.0, &mut Key::new(1).rng());
        assert_eq!(unmoved, image);
    }
}
