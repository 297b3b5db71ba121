//! Images of less contrast.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is left of the distance of each value to its channel's mean.
const LEFT: [f32; 5] = [0.4, 0.3, 0.2, 0.1, 0.05];

/// Takes contrast from images: of each value's distance to the mean of its channel, 0.4 to 0.05 is
/// left.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Contrast {}

impl PluginConfig for Contrast {}

impl CorruptionPlugin for Contrast {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<Contrast>(About {
        name: "contrast",
        summary: "Takes contrast from images",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

impl Corruption for Contrast {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, _key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        let left = severity.of(LEFT);
        let pixels = (image.height * image.width).max(1) as f32;
        for channel in 0..image.channels {
            let values = || image.pixels.iter().skip(channel).step_by(image.channels);
            let mean = values().map(|&value| f32::from(value)).sum::<f32>() / pixels;
            for value in image.pixels.iter_mut().skip(channel).step_by(image.channels) {
                let lower = (f32::from(*value) - mean) * left + mean;
                *value = lower.round().clamp(0.0, 255.0) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{corrupted, grey_ramp};

    #[test]
    fn the_mean_stays_and_the_range_shrinks() {
        let range = |pixels: &[u8]| pixels.iter().max().unwrap() - pixels.iter().min().unwrap();
        let mean = |pixels: &[u8]| {
            pixels.iter().map(|&value| f64::from(value)).sum::<f64>() / pixels.len() as f64
        };
        let plain = grey_ramp().pixels;
        for severity in Severity::ALL {
            let pixels = corrupted(&Contrast {}, &grey_ramp(), severity).pixels;
            assert!((mean(&pixels) - mean(&plain)).abs() < 0.5);
            let want = f32::from(range(&plain)) * severity.of(LEFT);
            assert!((f32::from(range(&pixels)) - want).abs() <= 1.0, "{severity}");
        }
    }
}
