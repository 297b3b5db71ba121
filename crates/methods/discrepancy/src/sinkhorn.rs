//! Sinkhorn divergence.

use isthmus_core::prelude::*;
use isthmus_losses::discrepancy::{mean_squared_distance, sinkhorn_divergence};

use crate::estimator::require_both;
use crate::regularization::Entropic;

inventory::submit! {
    Plugin::term::<SinkhornDivergence>(About {
        name: "sinkhorn",
        summary: "Aligns features by entropic optimal transport: the Sinkhorn divergence",
        paper: "Feydy, Séjourné, Vialard, Amari, Trouvé, Peyré: Interpolating between optimal \
                transport and MMD using Sinkhorn divergences, AISTATS 2019",
    })
}

/// Sinkhorn divergence between the features of source and target: the cost of entropic transport
/// between them, less half of that within each, so that equal batches are at distance 0. A large
/// regularisation compares little but means, a small one approaches the squared Wasserstein
/// distance.
///
/// The cost of a pair is its squared distance, divided by the mean over all pairs of a source and a
/// target row: neither the regularisation nor the weight depends on the scale of the features, and
/// nothing is gained by making all of them small. Plans are found on logarithms in 64-bit arithmetic
/// on the host, and stay finite however small the regularisation is. Batches may differ in size.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SinkhornDivergence {
    /// How plans are found.
    pub entropic: Entropic,
}

impl PluginConfig for SinkhornDivergence {}
impl Method for SinkhornDivergence {}

/// The smallest mean squared distance that is divided by.
const SMALLEST: f64 = 1e-12;

impl Term for SinkhornDivergence {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_both("sinkhorn", &joint)?;
        let (source, target) = (joint.source_features(), joint.target_features());
        let mean = mean_squared_distance(source.clone(), target.clone()).clamp_min(SMALLEST);
        let unit = mean.sqrt().unsqueeze::<2>();
        let [source, target] = [source, target].map(|rows| rows / unit.clone());
        Ok(sinkhorn_divergence(source, target, self.entropic.settings(1.0)))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_testing::{Joint, assert_term_gains, config_error, context, term};

    fn value(joint: &Joint, config: &str) -> f64 {
        joint.loss(&mut *term("sinkhorn", config, &context(4, 3, 1)), 0, 1).into_scalar::<f64>()
    }

    #[test]
    fn unequal_batches_come_closer() {
        for config in ["", "entropic = { regularization = 1.0 }"] {
            let mut sinkhorn = term("sinkhorn", config, &context(4, 3, 1));
            let mut joint = Joint::new(&[9, 5], 8, 4, 3);
            let losses = joint.descend(&mut *sinkhorn, 100, 5.0);
            assert!(losses[99] < 0.3 * losses[0], "`{config}`: {} to {}", losses[0], losses[99]);
        }
    }

    #[test]
    fn the_scale_of_the_features_does_not_matter() {
        let joint = Joint::new(&[9], 8, 4, 3);
        let large = joint.clone().scaled(1e3, 1.0);
        assert!((value(&joint, "") - value(&large, "")).abs() < 1e-4);
    }

    /// POT's most frequent complaint: NaN at a small regularisation.
    #[test]
    fn small_regularisation_single_and_identical_rows_are_finite() {
        for config in ["", "entropic = { regularization = 1e-9 }"] {
            let mut sinkhorn = term("sinkhorn", config, &context(4, 3, 1));
            for (sources, targets) in [(5, 7), (1, 4), (1, 1)] {
                let mut joint = Joint::new(&[sources], targets, 4, 3);
                for _ in 0..2 {
                    assert!(value(&joint, config).is_finite());
                    let gradient = joint.gradients(&mut *sinkhorn, 0, 1).0.unwrap();
                    assert!(gradient.iter().all(|value| value.is_finite()));
                    joint = joint.scaled(0.0, 1.0);
                }
            }
        }
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        assert_term_gains("sinkhorn", "", 2.0, 100);
    }

    #[test]
    fn wrong_settings_are_refused() {
        let error = config_error("sinkhorn", "entropic = { regularization = 0.0 }");
        assert!(error.contains("must be > 0"), "{error}");
        assert!(config_error("sinkhorn", "entropic = { sweeps = 0 }").contains("sweeps"));
    }
}
