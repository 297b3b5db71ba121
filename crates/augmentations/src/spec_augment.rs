//! SpecAugment: masks on spectra.

use isthmus_core::augmentation::{Augmentation, SampleKind, SampleMut};
use isthmus_core::config::PluginConfig;
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, AugmentationPlugin, Plugin};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Puts the mean of a sample in the place of random bands of channels and random stretches of time:
/// of log-mel spectra, where it comes after them, or of any other series. Widths and places are drawn
/// for each mask, widths from 0 on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpecAugment {
    /// Number of masks over channels (mel bands).
    pub channel_masks: usize,
    /// Most channels that one of them hides.
    pub widest: usize,
    /// Number of masks over time.
    pub time_masks: usize,
    /// Most time steps that one of them hides.
    pub longest: usize,
    /// Largest share of a sample's time steps that one of them hides.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub longest_share: f64,
}

impl Default for SpecAugment {
    fn default() -> Self {
        Self { channel_masks: 2, widest: 8, time_masks: 2, longest: 20, longest_share: 0.2 }
    }
}

impl PluginConfig for SpecAugment {}

impl AugmentationPlugin for SpecAugment {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Series];

    fn build(self) -> Box<dyn Augmentation> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::augmentation::<SpecAugment>(About {
        name: "spec-augment",
        summary: "Hides random channels and stretches of time of spectra",
        paper: "Park et al.: SpecAugment: a simple data augmentation method for automatic speech \
                recognition, Interspeech 2019",
    })
}

impl Augmentation for SpecAugment {
    fn apply(&self, sample: SampleMut<'_>, key: &Key) {
        let SampleMut::Series { length, values } = sample else { return };
        if values.is_empty() || length == 0 {
            return;
        }
        let mut random = key.rng();
        let channels = values.len() / length;
        let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
        let mean = (sum / values.len() as f64) as f32;
        let mut mask = |most: usize, of: usize| {
            let width = random.random_range(0..=most.min(of));
            let first = random.random_range(0..=of - width);
            first..first + width
        };
        for _ in 0..self.channel_masks {
            let hidden = mask(self.widest, channels);
            values[hidden.start * length..hidden.end * length].fill(mean);
        }
        let longest = self.longest.min((self.longest_share * length as f64) as usize);
        for _ in 0..self.time_masks {
            let hidden = mask(longest, length);
            values.chunks_exact_mut(length).for_each(|it| it[hidden.clone()].fill(mean));
        }
    }

    fn changes_spectra(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_by_key;

    const CHANNELS: usize = 10;
    const LENGTH: usize = 50;

    fn changed(masks: &SpecAugment, key: &Key) -> Vec<f32> {
        let mut values: Vec<f32> = (0..CHANNELS * LENGTH).map(|it| it as f32).collect();
        masks.apply(SampleMut::Series { length: LENGTH, values: &mut values }, key);
        values
    }

    #[test]
    fn bands_and_stretches_are_hidden_by_the_mean() {
        let none = SpecAugment { channel_masks: 0, time_masks: 0, ..SpecAugment::default() };
        let plain = changed(&none, &Key::new(1));
        let mean = (CHANNELS * LENGTH - 1) as f32 / 2.0;
        assert_by_key(|key| changed(&SpecAugment::default(), key));
        let (mut most_channels, mut most_steps) = (0, 0);
        for index in 0..300 {
            let key = Key::new(index);
            let bands = SpecAugment { channel_masks: 1, widest: 3, ..none.clone() };
            let hidden = |masks: &SpecAugment| {
                let values = changed(masks, &key);
                let at = |place: &usize| values[*place] != plain[*place];
                let hidden: Vec<usize> = (0..CHANNELS * LENGTH).filter(at).collect();
                assert!(hidden.iter().all(|&place| values[place] == mean));
                hidden
            };
            let found = hidden(&bands);
            assert_eq!(found.len() % LENGTH, 0);
            most_channels = most_channels.max(found.len() / LENGTH);
            let stretches =
                SpecAugment { time_masks: 1, longest: 40, longest_share: 0.1, ..none.clone() };
            let found = hidden(&stretches);
            assert_eq!(found.len() % CHANNELS, 0);
            most_steps = most_steps.max(found.len() / CHANNELS);
        }
        assert_eq!((most_channels, most_steps), (3, 5));
    }
}
