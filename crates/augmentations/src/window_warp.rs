//! Window warping of series.

use isthmus_core::augmentation::{Augmentation, SampleKind, SampleMut};
use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::inventory;
use isthmus_core::random::Key;
use isthmus_core::registry::{About, AugmentationPlugin, Plugin};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Stretches or shrinks a random window of a series in time, the same in all channels, and brings the
/// whole back to its length by linear interpolation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WindowWarp {
    /// Length of the window as a share of the series.
    #[schemars(extend("exclusiveMinimum" = 0.0), range(max = 1.0))]
    pub share: f64,
    /// How many times as long the window becomes; one is drawn for each sample.
    #[schemars(length(min = 1), inner(range(min = 0.0)))]
    pub factors: Vec<f64>,
}

impl Default for WindowWarp {
    fn default() -> Self {
        Self { share: 0.1, factors: vec![0.5, 2.0] }
    }
}

impl PluginConfig for WindowWarp {
    fn check(&self) -> Result<(), FieldProblem> {
        let fits = |factor: &f64| factor.is_finite() && *factor > 0.0;
        if !self.factors.is_empty() && self.factors.iter().all(fits) {
            return Ok(());
        }
        Err(FieldProblem {
            field: "factors".to_owned(),
            message: format!("`factors` is {:?}; expected numbers above 0", self.factors),
        })
    }
}

impl AugmentationPlugin for WindowWarp {
    const SAMPLES: &'static [SampleKind] = &[SampleKind::Series];

    fn build(self) -> Box<dyn Augmentation> {
        Box::new(self)
    }
}

inventory::submit! {
    Plugin::augmentation::<WindowWarp>(About {
        name: "window-warp",
        summary: "Stretches or shrinks a random window of a series in time",
        paper: "Le Guennec, Malinowski, Tavenard: Data augmentation for time series classification \
                using convolutional neural networks, 2016",
    })
}

impl Augmentation for WindowWarp {
    fn apply(&self, sample: SampleMut<'_>, key: &Key) {
        let SampleMut::Series { length, values } = sample else { return };
        if length < 2 {
            return;
        }
        let mut random = key.rng();
        let window = ((self.share * length as f64).round() as usize).clamp(1, length);
        let start = random.random_range(0..=length - window) as f64;
        let factor = self.factors[random.random_range(0..self.factors.len())];
        // The time of each step of the result in the series as it was.
        let (window, last) = (window as f64, (length - 1) as f64);
        let warped = last - window + window * factor;
        let time = |step: usize| {
            let place = step as f64 * warped / last;
            let within = place - start;
            if within < 0.0 {
                place
            } else if within < window * factor {
                start + within / factor
            } else {
                place - window * factor + window
            }
        };
        let times: Vec<f64> = (0..length).map(|step| time(step).clamp(0.0, last)).collect();
        for channel in values.chunks_exact_mut(length) {
            let interpolated = |&time: &f64| {
                let before = time as usize;
                let share = (time - before as f64) as f32;
                let after = (before + 1).min(length - 1);
                channel[before] * (1.0 - share) + channel[after] * share
            };
            let changed: Vec<f32> = times.iter().map(interpolated).collect();
            channel.copy_from_slice(&changed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_by_key, series};

    #[test]
    fn a_window_has_another_pace_and_the_ends_stay() {
        let warp = WindowWarp { share: 0.25, factors: vec![2.0] };
        let values: Vec<f32> = (0..100).chain(1000..1100).map(|it| it as f32).collect();
        assert_by_key(|key| series(&warp, &values, key));
        for index in 0..50 {
            let changed = series(&warp, &values, &Key::new(index));
            let (first, second) = changed.split_at(100);
            assert!(first.iter().zip(second).all(|(a, b)| (b - a - 1000.0).abs() < 1e-3));
            assert_eq!(first[0], 0.0);
            assert!((first[99] - 99.0).abs() < 1e-3, "{}", first[99]);
            // 25 of 99 steps take twice as long: outside of them, time runs 124 / 99 as fast.
            let (slow, fast) = (124.0 / 99.0 / 2.0, 124.0 / 99.0);
            let paces: Vec<f32> = first.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let count = |pace: f32| paces.iter().filter(|it| (*it - pace).abs() < 1e-3).count();
            assert!(count(slow) >= 38 && count(fast) >= 57, "{paces:?}");
        }
    }

    #[test]
    fn series_of_any_length_are_taken() {
        for length in 0..5 {
            let values = vec![1.0; 2 * length];
            assert_eq!(series(&WindowWarp::default(), &values, &Key::new(1)), values);
        }
        let none = WindowWarp { factors: Vec::new(), ..WindowWarp::default() };
        assert!(none.check().is_err());
    }
}
