//! Entropy minimisation on the target.

use isthmus_core::prelude::*;
use isthmus_losses::target::entropy;

inventory::submit! {
    Plugin::term::<Entropy>(About {
        name: "entropy",
        summary: "Minimises the entropy of the target's predictions",
        paper: "Grandvalet, Bengio: Semi-supervised learning by entropy minimization, NIPS 2004",
    }).weight(0.1).of_classes()
}

/// Mean entropy of the predictions on a target batch: pushes the decision boundary away from
/// target samples. Alone it may give every sample one class; small weights and other terms
/// (`dann`, `dan`) keep it in check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Entropy {}

impl PluginConfig for Entropy {}
impl Method for Entropy {}

impl Term for Entropy {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        Ok(entropy(step.joint()?.target_logits()))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{Joint, context, plugin, term};

    #[test]
    fn reduces_the_entropy_of_the_target_and_leaves_the_source_alone() {
        let mut entropy = term("entropy", "", &context(4, 3, 1));
        let mut joint = Joint::new(&[5], 3, 4, 3);
        let source = joint.batch().source_logits().to_data();
        let losses = joint.descend(&mut *entropy, 100, 2.0);
        assert!(losses[99] < 0.2 * losses[0], "{} to {}", losses[0], losses[99]);
        assert_eq!(joint.batch().source_logits().to_data(), source);
    }

    #[test]
    fn the_default_weight_is_a_tenth() {
        assert_eq!(plugin(Kind::Method, "entropy").weight, 0.1);
    }
}
