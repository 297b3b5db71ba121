//! Automatic domain alignment layers.

use isthmus_core::context::Grouping;
use isthmus_core::prelude::*;
use isthmus_losses::target::entropy;

use crate::statistics::mixing_weights;

inventory::submit! {
    Plugin::term::<Autodial>(About {
        name: "autodial",
        summary: "Norm layers learn how far to align the domains; certain predictions on the target",
        paper: "Carlucci, Porzi, Caputo, Ricci, Rota Bulò: AutoDIAL: automatic domain alignment \
                layers, ICCV 2017",
    })
    .of_classes()
    .of_grouping(Grouping::Mixed)
    .weight(0.1)
}

/// Domain alignment by norm layers: source and target are each normalised by a mixture of the
/// statistics of both, `α own + (1 - α) other`, and every layer learns its `α` between 0.5 (both
/// alike) and 1 (each by itself). The term is the mean entropy of the predictions on the target
/// batch, by which, and by the loss on the source, `α` is learned.
///
/// It needs `[training] normalization = "mixed"`. The mean, the least and the largest `α` of all
/// layers are measured; each is in the recorded model, as `alpha`. Where the optimizer has a
/// `weight_decay`, keep it from `α`, which it would pull to 0.5: `[[training.groups]]` with
/// `parameters = ["norms"]` and `weight_decay = 0.0`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Autodial {}

impl PluginConfig for Autodial {}
impl Method for Autodial {}

impl Term for Autodial {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        if step.measure {
            let weights = mixing_weights(step.stage.model);
            let sum: f64 = weights.iter().sum();
            if let (Some(least), Some(largest)) =
                (weights.iter().copied().reduce(f64::min), weights.iter().copied().reduce(f64::max))
            {
                step.note("mixing_mean", sum / weights.len() as f64);
                step.note("mixing_least", least);
                step.note("mixing_largest", largest);
            }
        }
        Ok(entropy(joint.target_logits()))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::context::NormPolicy;
    use isthmus_core::registry::Kind;
    use isthmus_testing::{
        FAR, Joint, Workbench, assert_term_gains, config_error, context, moved, plugin, term,
    };

    use super::*;

    fn mixed(shift: f32, steps: usize) -> Workbench {
        let mut bench = moved(shift, steps);
        bench.norm = NormPolicy::TRAIN.grouped(Grouping::Mixed);
        bench
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        assert_term_gains("autodial", "", FAR, 100);
    }

    #[test]
    fn every_layer_learns_its_mixing_weight_within_its_range() {
        let mut bench = mixed(FAR, 60);
        let autodial = term("autodial", "", &bench.context());
        let reports = bench.train(autodial, 60);
        assert_eq!(reports[0]["term/mixing_least"], 1.0);
        let last = &reports[59];
        let [least, mean, largest] =
            ["least", "mean", "largest"].map(|name| last[&format!("term/mixing_{name}")]);
        assert!(0.5 <= least && least <= mean && mean <= largest && largest <= 1.0, "{last:?}");
        assert!(mean < 1.0, "no layer has learned: {last:?}");
        let values = bench.values();
        let alphas = values.iter().filter(|(name, _)| name.ends_with("alpha"));
        assert_eq!(alphas.count(), mixing_weights(&mut bench.model).len());
    }

    #[test]
    fn single_rows_and_extreme_logits_are_finite() {
        for (rows, scale) in [(1, 1.0), (6, 1e4)] {
            let joint = Joint::new(&[2], rows, 4, 3).scaled(1.0, scale);
            let mut autodial = term("autodial", "", &context(4, 3, 1));
            let gradient = joint.gradients(&mut *autodial, 0, 1).1.unwrap();
            assert!(gradient.iter().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn it_needs_norm_layers_that_mix() {
        let needs = plugin(Kind::Method, "autodial").needs;
        assert_eq!((needs.grouping, needs.norm_layers), (Some(Grouping::Mixed), true));
        assert!(config_error("autodial", "alpha = 0.7").contains("`alpha` is not a field"));
    }
}
