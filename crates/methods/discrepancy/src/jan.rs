//! Joint adaptation network.

use burn::tensor::activation::softmax;
use isthmus_core::config::FieldProblem;
use isthmus_core::layer::Layer;
use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;
use isthmus_losses::discrepancy::{
    DAN_WIDTHS, JAN_LOGIT_SIGMA, JointLayer, Kernel, jmmd, jmmd_linear,
};

use crate::estimator::{EqualRows, Estimator, check_layers, check_widths, require_rows};

inventory::submit! {
    Plugin::term::<Jan>(About {
        name: "jan",
        summary: "Aligns features and predictions jointly by maximum mean discrepancy",
        paper: "Long, Zhu, Wang, Jordan: Deep transfer learning with joint adaptation networks, \
                ICML 2017",
    }).of_classes()
}

/// Maximum mean discrepancy of the joint distribution of several layers, as a rule features and
/// class probabilities: the kernel of two rows is the product of one kernel a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Jan {
    /// How the discrepancy is estimated: `quadratic` over all pairs of rows, `linear` over a ring
    /// of neighbours.
    pub estimator: Estimator,
    /// The layers whose joint distribution is aligned: `features`, after the bottleneck; `logits`,
    /// of which the class probabilities are taken; hidden layers of the extractor, where it gives
    /// them, from `extractor.0` on.
    pub layers: Vec<String>,
    /// Widths of the kernels on all layers but the predictions, `exp(-d² / (2 width mean(d²)))`, each above 0.
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
            layers: vec![Layer::Features.to_string(), Layer::Logits.to_string()],
            widths: DAN_WIDTHS.to_vec(),
            probability_sigma: JAN_LOGIT_SIGMA,
        }
    }
}

impl PluginConfig for Jan {
    fn check(&self) -> Result<(), FieldProblem> {
        check_widths(&self.widths)?;
        check_layers(&self.layers)
    }
}

impl TermPlugin for Jan {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        Ok(Box::new(JointDiscrepancy {
            layers: context.layers(&self.layers)?,
            config: self.clone(),
        }))
    }
}

/// The term.
struct JointDiscrepancy {
    config: Jan,
    layers: Vec<Layer>,
}

impl JointDiscrepancy {
    fn kernel(&self, layer: Layer) -> Kernel {
        match layer {
            Layer::Logits => Kernel::Fixed { sigma: self.config.probability_sigma },
            _ => Kernel::MeanDistance(self.config.widths.clone()),
        }
    }
}

impl Method for JointDiscrepancy {}

impl Term for JointDiscrepancy {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_rows("jan", &joint)?;
        let linear = self.config.estimator == Estimator::Linear;
        let rows = linear.then(|| EqualRows::new(&joint, step.key()));
        let mut layers = Vec::with_capacity(self.layers.len());
        for &layer in &self.layers {
            let (mut source, mut target) = joint.layer(layer)?;
            if layer == Layer::Logits {
                (source, target) = (softmax(source, 1), softmax(target, 1));
            }
            if let Some(rows) = &rows {
                (source, target) = rows.apply(source, target);
            }
            layers.push(JointLayer { source, target, kernel: self.kernel(layer) });
        }
        Ok(match self.config.estimator {
            Estimator::Quadratic => jmmd(&layers),
            Estimator::Linear => jmmd_linear(&layers),
        })
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::method::MethodContext;
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
    fn hidden_layers_are_aligned_with_the_others() {
        let joint = Joint::new(&[12], 10, 4, 3).with_layers(&[6, 4]);
        for estimator in ["quadratic", "linear"] {
            let config = format!(
                "estimator = \"{estimator}\"\n\
                 layers = [\"extractor.0\", \"extractor.1\", \"features\", \"logits\"]"
            );
            let context = MethodContext { hidden_layers: 2, ..context(4, 3, 1) };
            let mut jan = term("jan", &config, &context);
            for gradient in joint.layer_gradients(&mut *jan) {
                assert!(gradient.iter().all(|value| value.is_finite()));
                assert!(gradient.iter().any(|value| *value != 0.0), "{estimator}");
            }
        }
    }

    #[test]
    fn layers_are_checked() {
        let error = config_error("jan", "layers = [\"features\", \"bottleneck\"]");
        assert!(error.contains("`bottleneck` is no layer"), "{error}");
        assert!(config_error("jan", "layers = []").contains("at least one layer"));
        let twice = config_error("jan", "layers = [\"logits\", \"logits\"]");
        assert!(twice.contains("`layers` has `logits` twice"), "{twice}");
        let names = ["extractor.2".to_owned()];
        let context = MethodContext { hidden_layers: 1, ..context(4, 3, 1) };
        let error = context.layers(&names).unwrap_err().to_string();
        assert!(error.contains("it has `extractor.0`, `features`, `logits`"), "{error}");
    }

    #[test]
    fn widths_are_checked() {
        assert!(config_error("jan", "probability_sigma = 0").contains("must be > 0"));
        assert!(config_error("jan", "widths = [0.0]").contains("contains 0"));
    }
}
