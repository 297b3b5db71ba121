//! Matching of the graphs of both domains.

use isthmus_core::prelude::*;
use isthmus_losses::discrepancy::{
    fused_gromov_wasserstein, graph_edge_cost, graph_matching_plan, mean_squared_distance,
};

use crate::estimator::require_both;
use crate::regularization::Entropic;

inventory::submit! {
    Plugin::term::<GraphMatching>(About {
        name: "graph-matching",
        summary: "Matches rows of both domains softly by their places and their distances",
        paper: "Das, Lee: Graph matching and pseudo-label guided deep unsupervised domain \
                adaptation, ICANN 2018; the matching: Vayer, Chapel, Flamary, Tavenard, Courty: \
                Optimal transport for structured data with application on graphs, ICML 2019",
    }).weight(0.3)
}

/// Matches the graph of the batch's source rows with that of its target rows. Nodes are features,
/// edges the squared distances within a domain; a soft matching `P` costs
///
/// `(1 - edge_share) sum_ij P_ij |s_i - t_j|² + edge_share sum_ijkl P_ij P_kl (|s_i - s_k|² - |t_j - t_l|²)²`,
///
/// its fused Gromov-Wasserstein cost. Rows that are matched come to one place, and pairs of rows as
/// far apart as the pairs they are matched with, so that groups are matched with groups as wide
/// (`deep-jdot` matches by labels instead). The matching is found anew at each step and is constant
/// in the gradient.
///
/// Features are divided by the root mean squared distance of a source and a target row of the batch,
/// constant in the gradient: both costs are the same for features of any scale. The paper's matching
/// is one to one with a hyper-graph, and has pseudo-labels beside it (`atdoc`, `fixmatch`).
/// The weight of 0.3 was chosen on the quickstart's digits, looking at their labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GraphMatching {
    /// Share of the edges' cost, α in the paper: at 0 it is optimal transport of the features, at 1
    /// places do not count.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub edge_share: f64,
    /// Rounds in which the matching is found, each by the costs at the matching before.
    #[schemars(range(min = 1))]
    pub rounds: usize,
    /// How the matching of a round is found.
    pub entropic: Entropic,
}

impl Default for GraphMatching {
    fn default() -> Self {
        Self { edge_share: 0.5, rounds: 5, entropic: Entropic::default() }
    }
}

/// The smallest unit of length: of a batch of equal rows it would be 0.
const SMALLEST: f64 = 1e-12;

impl PluginConfig for GraphMatching {}
impl Method for GraphMatching {}

impl Term for GraphMatching {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_both("graph-matching", &joint)?;
        let (source, target) = (joint.source_features(), joint.target_features());
        let mean = mean_squared_distance(source.clone().inner(), target.clone().inner());
        let unit = mean.into_scalar::<f64>().sqrt().max(SMALLEST);
        let (source, target) = (source.div_scalar(unit), target.div_scalar(unit));
        let settings = |mean: f64| self.entropic.settings(mean);
        let plan = graph_matching_plan(&source, &target, self.edge_share, self.rounds, settings);
        if step.measure {
            let edges = graph_edge_cost(&source.clone().inner(), &target.clone().inner(), &plan);
            step.note("edge_cost", edges.into_scalar::<f64>());
        }
        Ok(fused_gromov_wasserstein(source, target, &plan, self.edge_share))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{Joint, assert_term_gains, config_error, context, plugin, term};

    #[test]
    fn unequal_batches_come_together_in_place_and_form() {
        for share in [0.0, 0.5, 1.0] {
            let config = format!("edge_share = {share:?}");
            let mut method = term("graph-matching", &config, &context(4, 3, 1));
            let mut joint = Joint::new(&[6, 4], 8, 4, 3);
            let losses = joint.descend(&mut *method, 100, 2.0);
            assert!(losses[99] < 0.8 * losses[0], "{share}: {} to {}", losses[0], losses[99]);
        }
    }

    #[test]
    fn the_scale_of_the_features_does_not_count() {
        let value = |scale: f64| {
            let joint = Joint::new(&[5], 4, 4, 3).scaled(scale, 1.0);
            let mut method = term("graph-matching", "", &context(4, 3, 1));
            joint.loss(&mut *method, 0, 1).into_scalar::<f64>()
        };
        let (one, other) = (value(1.0), value(1000.0));
        assert!((one - other).abs() < 1e-3 * one, "{one} and {other}");
    }

    #[test]
    fn single_identical_and_extreme_rows_are_finite() {
        for (sources, targets) in [(4, 6), (1, 3), (1, 1)] {
            for scale in [0.0, 1e4] {
                let joint = Joint::new(&[sources], targets, 4, 3).scaled(scale, 1e4);
                let mut method = term("graph-matching", "", &context(4, 3, 1));
                let (features, logits) = joint.gradients(&mut *method, 0, 1);
                assert!(features.unwrap().into_iter().all(f32::is_finite), "{sources}, {targets}");
                assert!(logits.is_none());
            }
        }
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        assert_term_gains("graph-matching", "", 2.0, 100);
    }

    #[test]
    fn the_fields_are_checked() {
        let defaults = (plugin(Kind::Method, "graph-matching").defaults)();
        assert_eq!((&defaults["edge_share"], &defaults["rounds"]), (&0.5.into(), &5.into()));
        assert!(config_error("graph-matching", "edge_share = 1.5").contains("edge_share"));
        assert!(config_error("graph-matching", "rounds = 0").contains("rounds"));
    }
}
