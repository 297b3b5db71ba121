//! Central moment discrepancy.

use isthmus_core::prelude::*;
use isthmus_losses::discrepancy::cmd;

use crate::estimator::require_rows;

inventory::submit! {
    Plugin::term::<Cmd>(About {
        name: "cmd",
        summary: "Aligns mean and central moments of each feature",
        paper: "Zellinger, Grubinger, Lughofer, Natschläger, Saminger-Platz: Central moment \
                discrepancy (CMD) for domain-invariant representation learning, ICLR 2017",
    })
}

/// Sum of the distances between the means and the central moments of source and target, each
/// feature by itself: `|m_s - m_t| / span + sum_k |c_k(s) - c_k(t)| / span^k`, `k` from 2 to
/// `moments`. Features that differ only in how they go together are not told apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cmd {
    /// The highest moment.
    #[schemars(range(min = 1, max = 10))]
    pub moments: usize,
    /// Length of the interval that features lie in: 1 behind a sigmoid, 2 behind tanh; absent: the
    /// largest difference of two values in the batch, so that nothing is gained by making all
    /// features small. The paper presumes bounded features; those behind ReLU are bounded by nothing
    /// else.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub span: Option<f64>,
}

impl Default for Cmd {
    fn default() -> Self {
        Self { moments: 5, span: None }
    }
}

impl PluginConfig for Cmd {}
impl Method for Cmd {}

/// The smallest span: of features that are all equal it would be 0.
const SMALLEST_SPAN: f64 = 1e-12;

impl Term for Cmd {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_rows("cmd", &joint)?;
        let span = match self.span {
            Some(span) => Tensor::full([1], span, &joint.features.device()),
            None => {
                let values = &joint.features;
                (values.clone().max() - values.clone().min()).clamp_min(SMALLEST_SPAN)
            }
        };
        if step.measure {
            step.note("span", span.clone().into_scalar::<f64>());
        }
        let span = span.unsqueeze::<2>();
        let [source, target] =
            [joint.source_features(), joint.target_features()].map(|rows| rows / span.clone());
        Ok(cmd(source, target, self.moments, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{Joint, assert_term_gains, config_error, context, plugin, term};

    #[test]
    fn moments_come_closer_on_unequal_batches() {
        for config in ["", "moments = 2\nspan = 8.0"] {
            let mut cmd = term("cmd", config, &context(4, 3, 1));
            let mut joint = Joint::new(&[9, 5], 8, 4, 3);
            let losses = joint.descend(&mut *cmd, 300, 0.5);
            assert!(losses[299] < 0.5 * losses[0], "`{config}`: {} to {}", losses[0], losses[299]);
        }
    }

    #[test]
    fn the_batchs_span_follows_the_scale_of_the_features() {
        let value = |joint: &Joint, config: &str| {
            joint.loss(&mut *term("cmd", config, &context(4, 3, 1)), 0, 1).into_scalar::<f64>()
        };
        let joint = Joint::new(&[9], 8, 4, 3);
        let large = joint.clone().scaled(100.0, 1.0);
        assert!((value(&joint, "") - value(&large, "")).abs() < 1e-4);
        assert!(value(&large, "span = 1.0") > 1e6, "moments grow with their order");
    }

    #[test]
    fn identical_rows_and_batches_of_one_are_said() {
        let joint = Joint::new(&[4], 3, 4, 3).scaled(0.0, 1.0);
        let mut cmd = term("cmd", "", &context(4, 3, 1));
        let gradient = joint.gradients(&mut *cmd, 0, 1).0.unwrap();
        assert!(gradient.iter().all(|value| value.is_finite()));
        let error = Joint::new(&[3], 1, 4, 3).refusal(&mut *cmd);
        assert!(error.contains("`cmd` needs at least 2 rows"), "{error}");
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        assert_term_gains("cmd", "", 2.0, 100);
    }

    #[test]
    fn the_defaults_are_the_papers() {
        assert_eq!((plugin(Kind::Method, "cmd").defaults)()["moments"], 5);
        assert!(config_error("cmd", "moments = 0").contains("moments"));
        assert!(config_error("cmd", "span = 0.0").contains("must be > 0"));
    }
}
