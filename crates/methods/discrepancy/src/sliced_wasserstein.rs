//! Sliced Wasserstein distance.

use burn::tensor::TensorData;
use isthmus_core::prelude::*;
use isthmus_losses::discrepancy::sliced_wasserstein;
use rand::RngExt;
use rand_distr::StandardNormal;

use crate::estimator::require_both;

inventory::submit! {
    Plugin::term::<SlicedWasserstein>(About {
        name: "sliced-wasserstein",
        summary: "Aligns features by the Wasserstein distance of their projections onto lines",
        paper: "Bonneel, Rabin, Peyré, Pfister: Sliced and Radon Wasserstein barycenters of \
                measures, JMIV 2015; for adaptation: Lee, Batra, Baig, Ulbricht: Sliced \
                Wasserstein discrepancy for unsupervised domain adaptation, CVPR 2019",
    })
}

/// Mean squared Wasserstein distance of the features' projections onto random directions, new ones
/// at each step. On a line the best plan matches rows in sorted order, so that no plan has to be
/// searched for. Batches may differ in size.
///
/// Features are compared, as `dan` does; the paper compares the predictions of two classifiers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SlicedWasserstein {
    /// Number of directions: more of them are less noisy.
    #[schemars(range(min = 1))]
    pub directions: usize,
}

impl Default for SlicedWasserstein {
    fn default() -> Self {
        Self { directions: 128 }
    }
}

impl PluginConfig for SlicedWasserstein {}
impl Method for SlicedWasserstein {}

impl Term for SlicedWasserstein {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_both("sliced-wasserstein", &joint)?;
        let (source, target) = (joint.source_features(), joint.target_features());
        let [_, features] = source.dims();
        let mut rng = step.key().named("directions").rng();
        let values: Vec<f32> =
            (0..features * self.directions).map(|_| rng.sample(StandardNormal)).collect();
        let data = TensorData::new(values, [features, self.directions]);
        let directions = Tensor::from_data(data, &joint.features.device());
        Ok(sliced_wasserstein(source, target, directions))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_testing::{Joint, assert_term_gains, config_error, context, term};

    fn value(joint: &Joint, config: &str, step: usize) -> f64 {
        let mut term = term("sliced-wasserstein", config, &context(4, 3, 1));
        joint.loss(&mut *term, step, 100).into_scalar::<f64>()
    }

    #[test]
    fn unequal_batches_come_closer() {
        for sources in [&[8][..], &[9, 5]] {
            let mut term = term("sliced-wasserstein", "", &context(4, 3, 1));
            let mut joint = Joint::new(sources, 8, 4, 3);
            let losses = joint.descend(&mut *term, 200, 2.0);
            assert!(losses[199] < 0.1 * losses[0], "{} to {}", losses[0], losses[199]);
        }
    }

    /// pytorch-adapt draws 128 directions whatever it is asked for.
    #[test]
    fn as_many_directions_are_drawn_as_are_asked_for_and_new_ones_at_each_step() {
        let joint = Joint::new(&[9], 6, 4, 3);
        let spread = |config: &str| {
            let values: Vec<f64> = (0..40).map(|step| value(&joint, config, step)).collect();
            let mean = values.iter().sum::<f64>() / 40.0;
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            (squares / 39.0).sqrt() / mean
        };
        let (few, many) = (spread("directions = 1"), spread("directions = 256"));
        assert!(few > 5.0 * many && many > 0.0, "{few}, {many}");
        assert_eq!(value(&joint, "", 3), value(&joint, "", 3));
    }

    #[test]
    fn single_and_identical_rows_are_finite() {
        let mut joint = Joint::new(&[1], 5, 4, 3);
        let mut term = term("sliced-wasserstein", "", &context(4, 3, 1));
        for _ in 0..2 {
            let gradient = joint.gradients(&mut *term, 0, 1).0.unwrap();
            assert!(gradient.iter().all(|value| value.is_finite()));
            joint = joint.scaled(0.0, 1.0);
        }
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        assert_term_gains("sliced-wasserstein", "", 2.0, 100);
    }

    #[test]
    fn no_direction_is_refused() {
        assert!(config_error("sliced-wasserstein", "directions = 0").contains("directions"));
    }
}
