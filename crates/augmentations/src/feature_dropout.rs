//! Dropout of single features.

use isthmus_core::augmentation::{Augmentation, SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, AugmentationPlugin, Plugin};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sets each feature to 0 with one probability; the others keep their values (masking noise).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureDropout {
    /// The probability.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: f64,
}

impl Default for FeatureDropout {
    fn default() -> Self {
        Self { probability: 0.1 }
    }
}

impl PluginConfig for FeatureDropout {}

impl AugmentationPlugin for FeatureDropout {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Features];

    fn build(self) -> Box<dyn Augmentation> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::augmentation::<FeatureDropout>(About {
        name: "feature-dropout",
        summary: "Sets single features to 0",
        paper: "Vincent, Larochelle, Bengio, Manzagol: Extracting and composing robust features \
                with denoising autoencoders, ICML 2008",
    })
}

impl Augmentation for FeatureDropout {
    fn apply(&self, sample: SampleMut<'_>, key: &Key) {
        let SampleMut::Features(values) = sample else { return };
        let mut random = key.rng();
        for value in values {
            if random.random_bool(self.probability) {
                *value = 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_by_key, features};

    #[test]
    fn the_stated_share_is_dropped_and_the_rest_kept() {
        let dropout = FeatureDropout { probability: 0.3 };
        assert_by_key(|key| features(&dropout, &[1.0; 30], key));
        let values = features(&dropout, &[2.5; 10_000], &Key::new(1));
        let dropped = values.iter().filter(|&&value| value == 0.0).count();
        assert!((2800..3200).contains(&dropped), "{dropped}");
        assert!(values.iter().all(|&value| value == 0.0 || value == 2.5));
    }
}
