//! Deep joint distribution optimal transport.

use isthmus_core::prelude::*;
use isthmus_losses::discrepancy::{
    HostMatrix, exact_plan, joint_costs, joint_transport, sinkhorn_plan,
};

use crate::estimator::require_both;
use crate::regularization::Entropic;

inventory::submit! {
    Plugin::term::<DeepJdot>(About {
        name: "deep-jdot",
        summary: "Transports source features and labels to target features and predictions",
        paper: "Damodaran, Kellenberger, Flamary, Tuia, Courty: DeepJDOT: deep joint distribution \
                optimal transport for unsupervised domain adaptation, ECCV 2018",
    }).of_classes()
}

/// Optimal transport of the joint distribution of features and labels. A source row and a target
/// row are matched at the cost `feature_weight * |f_i - g_j|² + label_weight * CE(y_i, logits_j)`;
/// the term is the cost of the best plan between the rows of the batch, found anew at each step and
/// constant in the gradient. Target rows so come near source rows in feature space and are predicted
/// as their class.
///
/// Every row has to be matched, also where its class is not among the rows of the other domain: in
/// small batches of many classes labels are matched wrongly, and a large `label_weight` then teaches
/// mistakes. Batches should hold several rows of each class. The paper draws source batches with
/// equally many; here they are drawn as for every method. Batches may differ in size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeepJdot {
    /// Factor of the squared distance of features, α in the paper. It weighs features against
    /// labels, and depends on the features' scale.
    #[schemars(range(min = 0.0))]
    pub feature_weight: f64,
    /// Factor of the cross-entropy, λ_t in the paper.
    #[schemars(range(min = 0.0))]
    pub label_weight: f64,
    /// Which plan is taken: the `exact` one, whose cost is least, or the `entropic` one, which
    /// spreads each row over several.
    pub plan: Plan,
    /// How the entropic plan is found.
    pub entropic: Entropic,
}

/// A plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Plan {
    /// The plan of least cost.
    #[default]
    Exact,
    /// The plan of least cost and entropy.
    Entropic,
}

impl Default for DeepJdot {
    fn default() -> Self {
        Self {
            feature_weight: 0.001,
            label_weight: 0.0001,
            plan: Plan::Exact,
            entropic: Entropic::default(),
        }
    }
}

impl PluginConfig for DeepJdot {}
impl Method for DeepJdot {}

impl DeepJdot {
    fn plan(&self, costs: &HostMatrix) -> HostMatrix {
        match self.plan {
            Plan::Exact => exact_plan(costs),
            Plan::Entropic => {
                let mean = costs.values.iter().sum::<f64>() / costs.values.len() as f64;
                sinkhorn_plan(costs, self.entropic.settings(mean)).plan
            }
        }
    }
}

impl Term for DeepJdot {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_both("deep-jdot", &joint)?;
        let labels = joint.source_classes()?;
        let (source, target) = (joint.source_features(), joint.target_features());
        let logits = joint.target_logits();
        let weights = (self.feature_weight, self.label_weight);
        let plan = self.plan(&joint_costs(&source, &target, &labels, &logits, weights));
        Ok(joint_transport(source, target, &labels, logits, weights, &plan))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{Joint, assert_term_gains, config_error, context, plugin, term};

    const LARGE: &str = "feature_weight = 0.1\nlabel_weight = 1.0\n";

    #[test]
    fn both_plans_bring_unequal_batches_together() {
        for plan in ["exact", "entropic"] {
            let config = format!("{LARGE}plan = \"{plan}\"");
            let mut method = term("deep-jdot", &config, &context(4, 3, 1));
            let mut joint = Joint::new(&[9, 5], 8, 4, 3);
            let losses = joint.descend(&mut *method, 200, 5.0);
            assert!(losses[199] < 0.3 * losses[0], "{plan}: {} to {}", losses[0], losses[199]);
        }
    }

    #[test]
    fn the_entropic_plan_costs_more_and_comes_near_the_exact_one() {
        let joint = Joint::new(&[9], 6, 4, 3);
        let value = |rest: &str| {
            let mut method = term("deep-jdot", &format!("{LARGE}{rest}"), &context(4, 3, 1));
            joint.loss(&mut *method, 0, 1).into_scalar::<f64>()
        };
        let exact = value("");
        let entropic = |regularization: f64| {
            value(&format!(
                "plan = \"entropic\"\nentropic = {{ regularization = {regularization}, sweeps = \
                 5000, tolerance = 1e-6 }}"
            ))
        };
        let (loose, sharp) = (entropic(1.0), entropic(0.005));
        assert!(loose > sharp && sharp >= exact - 1e-5, "{loose}, {sharp}, {exact}");
        assert!(sharp < 1.02 * exact, "{sharp}, {exact}");
    }

    #[test]
    fn source_features_target_features_and_target_logits_are_moved() {
        let joint = Joint::new(&[5], 4, 4, 3);
        let mut method = term("deep-jdot", LARGE, &context(4, 3, 1));
        let (features, logits) = joint.gradients(&mut *method, 0, 1);
        let moved = |values: &[f32], columns: usize| {
            let rows = values.chunks(columns).map(|row| row.iter().any(|value| *value != 0.0));
            rows.collect::<Vec<_>>()
        };
        assert_eq!(moved(&features.unwrap(), 4), [true; 9]);
        let logits = moved(&logits.unwrap(), 3);
        assert_eq!((&logits[..5], &logits[5..]), (&[false; 5][..], &[true; 4][..]));
    }

    #[test]
    fn extreme_logits_single_and_identical_rows_are_finite() {
        for plan in ["exact", "entropic"] {
            for (sources, targets) in [(4, 6), (1, 3), (1, 1)] {
                let joint = Joint::new(&[sources], targets, 4, 3).scaled(0.0, 1e4);
                let config = format!("plan = \"{plan}\"");
                let mut method = term("deep-jdot", &config, &context(4, 3, 1));
                let (features, logits) = joint.gradients(&mut *method, 0, 1);
                let all = features.unwrap().into_iter().chain(logits.unwrap());
                assert!(all.into_iter().all(f32::is_finite), "{plan}, {sources}, {targets}");
            }
        }
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        for plan in ["exact", "entropic"] {
            assert_term_gains("deep-jdot", &format!("{LARGE}plan = \"{plan}\""), 2.0, 100);
        }
    }

    #[test]
    fn the_defaults_are_the_papers() {
        let defaults = (plugin(Kind::Method, "deep-jdot").defaults)();
        assert_eq!(defaults["feature_weight"], 0.001);
        assert_eq!(defaults["label_weight"], 0.0001);
        assert!(config_error("deep-jdot", "plan = \"greedy\"").contains("greedy"));
        assert!(config_error("deep-jdot", "label_weight = -1.0").contains("label_weight"));
    }
}
