//! Images with salt and pepper.

use isthmus_core::augmentation::{SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::corruption::{Corruption, Severity};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, CorruptionPlugin, Plugin};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The share of values that are replaced.
const SHARES: [f32; 5] = [0.03, 0.06, 0.09, 0.17, 0.27];

/// Salt and pepper: makes 3 to 27 % of the values of an image black or white, one as often as the
/// other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImpulseNoise {}

impl PluginConfig for ImpulseNoise {}

impl CorruptionPlugin for ImpulseNoise {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Image];

    fn build(self) -> Box<dyn Corruption> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::corruption::<ImpulseNoise>(About {
        name: "impulse-noise",
        summary: "Makes some pixels black or white",
        paper: "Hendrycks, Dietterich: Benchmarking neural network robustness to common \
                corruptions and perturbations, ICLR 2019",
    })
}

impl Corruption for ImpulseNoise {
    fn apply(&self, sample: SampleMut<'_>, severity: Severity, key: &Key) {
        let SampleMut::Image(image) = sample else { return };
        let mut random = key.rng();
        let share = severity.of(SHARES);
        for value in &mut image.pixels {
            let drawn = random.random::<f32>();
            if drawn < share {
                *value = if drawn < share / 2.0 { 0 } else { 255 };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_corrupts_by_key, corrupted, flat};

    #[test]
    fn the_stated_share_becomes_black_or_white() {
        assert_corrupts_by_key(&ImpulseNoise {});
        for severity in Severity::ALL {
            let image = corrupted(&ImpulseNoise {}, &flat(128), severity);
            let share = |wanted: u8| {
                let count = image.pixels.iter().filter(|&&value| value == wanted).count();
                count as f32 / image.pixels.len() as f32
            };
            let want = severity.of(SHARES) / 2.0;
            assert!((share(0) - want).abs() < 0.02 && (share(255) - want).abs() < 0.02);
            assert!((share(128) - (1.0 - 2.0 * want)).abs() < 0.02);
        }
    }
}
