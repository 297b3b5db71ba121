//! Permutation of a series' segments.

use isthmus_core::augmentation::{Augmentation, SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, AugmentationPlugin, Plugin};
use rand::RngExt;
use rand::seq::SliceRandom;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Cuts a series into segments of nearly equal length, the same ones in all channels, and puts them
/// in a random order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Permutation {
    /// Largest number of segments; how many there are is drawn from 1 to this, all alike.
    #[schemars(range(min = 1))]
    pub largest: usize,
}

impl Default for Permutation {
    fn default() -> Self {
        Self { largest: 5 }
    }
}

impl PluginConfig for Permutation {}

impl AugmentationPlugin for Permutation {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Series];

    fn build(self) -> Box<dyn Augmentation> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::augmentation::<Permutation>(About {
        name: "permutation",
        summary: "Cuts a series into segments and puts them in a random order",
        paper: "Um et al.: Data augmentation of wearable sensor data for Parkinson's disease \
                monitoring using convolutional neural networks, ICMI 2017; as in Eldele et al.: \
                Time-series representation learning via temporal and contextual contrasting, \
                IJCAI 2021",
    })
}

impl Augmentation for Permutation {
    fn apply(&self, sample: SampleMut<'_>, key: &Key) {
        let SampleMut::Series { length, values } = sample else { return };
        if length == 0 {
            return;
        }
        let mut random = key.rng();
        let count = random.random_range(1..=self.largest.clamp(1, length));
        let mut order: Vec<usize> = (0..count).collect();
        order.shuffle(&mut random);
        let steps: Vec<usize> = order
            .into_iter()
            .flat_map(|segment| segment * length / count..(segment + 1) * length / count)
            .collect();
        for channel in values.chunks_exact_mut(length) {
            let permuted: Vec<f32> = steps.iter().map(|&step| channel[step]).collect();
            channel.copy_from_slice(&permuted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_by_key, series};

    #[test]
    fn segments_are_moved_whole_and_alike_in_all_channels() {
        let permutation = Permutation::default();
        let values: Vec<f32> = (0..23).chain(100..123).map(|value| value as f32).collect();
        assert_by_key(|key| series(&permutation, &values, key));
        let mut most = 0;
        for index in 0..100 {
            let changed = series(&permutation, &values, &Key::new(index));
            let (first, second) = changed.split_at(23);
            assert!(first.iter().zip(second).all(|(a, b)| b - a == 100.0));
            let mut sorted = first.to_vec();
            sorted.sort_by(f32::total_cmp);
            assert_eq!(sorted, values[..23]);
            let breaks = first.windows(2).filter(|pair| pair[1] != pair[0] + 1.0).count();
            most = most.max(breaks);
        }
        assert_eq!(most, 4, "five segments have four borders");
    }

    #[test]
    fn a_series_shorter_than_the_number_of_segments_is_kept_whole() {
        let values = [1.0, 2.0];
        for index in 0..10 {
            assert_eq!(series(&Permutation { largest: 9 }, &values, &Key::new(index)), values);
        }
    }
}
