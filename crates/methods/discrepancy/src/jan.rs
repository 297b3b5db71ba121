//! Joint adaptation network.

use burn::tensor::activation::softmax;
use isthmus_core::config::FieldProblem;
use isthmus_core::prelude::*;
use isthmus_losses::discrepancy::{
    DAN_WIDTHS, JAN_LOGIT_SIGMA, JointLayer, Kernel, jmmd, jmmd_linear,
};

use crate::estimator::{EqualRows, Estimator, check_widths, require_rows};

inventory::submit! {
    Plugin::term::<Jan>(About {
        name: "jan",
        summary: "Aligns features and predictions jointly by maximum mean discrepancy",
        paper: "Long, Zhu, Wang, Jordan: Deep transfer learning with joint adaptation networks, \
                ICML 2017",
    })
}

/// Maximum mean discrepancy of the joint distribution of features and class probabilities: the
/// kernel of two rows is the product of a kernel on their features and one on their predictions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Jan {
    /// How the discrepancy is estimated: `quadratic` over all pairs of rows, `linear` over a ring
    /// of neighbours.
    pub estimator: Estimator,
    /// Widths of the kernels on features, `exp(-d² / (2 width mean(d²)))`, each above 0.
    pub widths: Vec<f64>,
    /// Standard deviation of the one fixed kernel on class probabilities,
    /// `exp(-d² / (2 sigma²))`.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub probability_sigma: f64,
}

impl Default for Jan {
    fn default() -> Self {
        Self {
            estimator: Estimator::Quadratic,
            widths: DAN_WIDTHS.to_vec(),
            probability_sigma: JAN_LOGIT_SIGMA,
        }
    }
}

impl PluginConfig for Jan {
    fn check(&self) -> Result<(), FieldProblem> {
        check_widths(&self.widths)
    }
}

impl Method for Jan {}

impl Term for Jan {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_rows("jan", &joint)?;
        let mut features = (joint.source_features(), joint.target_features());
        let mut probabilities =
            (softmax(joint.source_logits(), 1), softmax(joint.target_logits(), 1));
        if self.estimator == Estimator::Linear {
            let rows = EqualRows::new(&joint, step.key());
            features = rows.apply(features.0, features.1);
            probabilities = rows.apply(probabilities.0, probabilities.1);
        }
        let layers = [
            JointLayer {
                source: features.0,
                target: features.1,
                kernel: Kernel::MeanDistance(self.widths.clone()),
            },
            JointLayer {
                source: probabilities.0,
                target: probabilities.1,
                kernel: Kernel::Fixed { sigma: self.probability_sigma },
            },
        ];
        let discrepancy = match self.estimator {
            Estimator::Quadratic => jmmd(&layers),
            Estimator::Linear => jmmd_linear(&layers),
        };
        Ok(discrepancy)
    }
}

#[cfg(test)]
mod tests {
    use isthmus_testing::{Joint, config_error, context, term};

    #[test]
    fn aligns_features_and_predictions_of_unequal_batches() {
        for config in ["", "estimator = \"linear\""] {
            let mut jan = term("jan", config, &context(4, 3, 1));
            let joint = Joint::new(&[5], 3, 4, 3);
            let (features, logits) = joint.gradients(&mut *jan, 0, 1);
            for gradient in [features.unwrap(), logits.unwrap()] {
                assert!(gradient.iter().all(|value| value.is_finite()));
                assert!(gradient.iter().any(|value| *value != 0.0), "`{config}`");
            }
        }
    }

    #[test]
    fn reduces_its_discrepancy() {
        let mut jan = term("jan", "", &context(4, 3, 1));
        let mut joint = Joint::new(&[24], 16, 4, 3);
        let losses = joint.descend(&mut *jan, 200, 1.0);
        assert!(losses[199] < 0.5 * losses[0], "{} to {}", losses[0], losses[199]);
    }

    #[test]
    fn a_very_wide_kernel_on_predictions_leaves_those_of_dan() {
        let joint = Joint::new(&[5], 3, 4, 3);
        let value = |name: &str, config: &str| {
            let mut term = term(name, config, &context(4, 3, 1));
            joint.loss(&mut *term, 0, 1).into_scalar::<f64>()
        };
        let (jan, dan) = (value("jan", "probability_sigma = 1e4"), value("dan", ""));
        assert!((jan - dan).abs() < 1e-5, "{jan} and {dan}");
    }

    #[test]
    fn widths_are_checked() {
        assert!(config_error("jan", "probability_sigma = 0").contains("must be > 0"));
        assert!(config_error("jan", "widths = [0.0]").contains("contains 0"));
    }
}
