//! Deep CORAL.

use isthmus_core::prelude::*;
use isthmus_losses::discrepancy::{coral, coral_mean_term};

use crate::estimator::require_rows;

inventory::submit! {
    Plugin::term::<DeepCoral>(About {
        name: "deep-coral",
        summary: "Aligns the covariances of the features",
        paper: "Sun, Saenko: Deep CORAL: correlation alignment for deep domain adaptation, \
                ECCV workshops 2016",
    })
}

/// What the squared distance of the covariances is divided by; published codes disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CoralNormalization {
    /// By `4 d²` for `d` features, as in the paper, pytorch-adapt and skada.
    #[default]
    Paper,
    /// By `d²`, with the mean squared difference of the means added, as in tllib and DomainBed.
    Mean,
}

/// Squared distance between the covariance matrices of source and target features. DeepDA gives
/// the paper's normalisation a weight of 10.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeepCoral {
    /// How the distance is normalised: `paper` divides by `4 d²`; `mean` (tllib, DomainBed)
    /// divides by `d²` and adds the difference of the means.
    pub normalization: CoralNormalization,
}

impl PluginConfig for DeepCoral {}

impl Method for DeepCoral {}

impl Term for DeepCoral {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_rows("deep-coral", &joint)?;
        let (source, target) = (joint.source_features(), joint.target_features());
        let distance = match self.normalization {
            CoralNormalization::Paper => coral(source, target),
            CoralNormalization::Mean => coral_mean_term(source, target),
        };
        Ok(distance)
    }
}

#[cfg(test)]
mod tests {
    use isthmus_losses::discrepancy::coral;
    use isthmus_testing::{Joint, context, term};

    #[test]
    fn both_normalisations_reduce_the_distance_of_unequal_batches() {
        for (normalization, rate) in [("paper", 0.5), ("mean", 0.1)] {
            let config = format!("normalization = \"{normalization}\"");
            let mut deep_coral = term("deep-coral", &config, &context(4, 3, 1));
            let mut joint = Joint::new(&[9], 6, 4, 3);
            let losses = joint.descend(&mut *deep_coral, 200, rate);
            assert!(losses[199] < 0.2 * losses[0], "{} to {}", losses[0], losses[199]);
        }
    }

    #[test]
    fn the_default_is_the_papers_and_the_mean_is_four_times_that_and_more() {
        let joint = Joint::new(&[5], 3, 4, 3);
        let loss = |config: &str| {
            let mut term = term("deep-coral", config, &context(4, 3, 1));
            joint.loss(&mut *term, 0, 1).into_scalar::<f64>()
        };
        let view = joint.batch();
        let paper = coral(view.source_features(), view.target_features()).into_scalar::<f64>();
        assert_eq!(loss(""), paper);
        let means = view.source_features().mean_dim(0) - view.target_features().mean_dim(0);
        let means = means.square().mean().into_scalar::<f64>();
        let mean = loss("normalization = \"mean\"");
        assert!((mean - 4.0 * paper - means).abs() < 1e-4 * mean, "{mean}");
    }

    #[test]
    fn a_batch_of_one_row_is_refused() {
        let mut deep_coral = term("deep-coral", "", &context(4, 3, 1));
        let joint = Joint::new(&[1], 5, 4, 3);
        let error = joint.refusal(&mut *deep_coral);
        assert!(error.contains("1 of the source"), "{error}");
    }
}
