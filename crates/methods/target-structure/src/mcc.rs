//! Minimum class confusion.

use isthmus_core::prelude::*;
use isthmus_losses::target::mcc;

inventory::submit! {
    Plugin::term::<Mcc>(About {
        name: "mcc",
        summary: "Minimises the confusion between classes in the target's predictions",
        paper: "Jin, Wang, Long, Wang: Minimum class confusion for versatile domain adaptation, \
                ECCV 2020",
    }).of_classes()
}

/// Minimum class confusion: the correlation between the predicted probabilities of different
/// classes on a target batch, certain rows counting more. It needs no source rows and no further
/// network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mcc {
    /// Temperature by which the logits are divided before the softmax. The paper and its code use
    /// 2.5.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub temperature: f64,
}

impl Default for Mcc {
    fn default() -> Self {
        Self { temperature: 2.5 }
    }
}

impl PluginConfig for Mcc {}
impl Method for Mcc {}

impl Term for Mcc {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        Ok(mcc(step.joint()?.target_logits(), self.temperature))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{Joint, config_error, context, plugin, term};

    #[test]
    fn the_defaults_are_the_papers() {
        let plugin = plugin(Kind::Method, "mcc");
        assert_eq!((plugin.defaults)()["temperature"], 2.5);
        assert_eq!(plugin.weight, 1.0);
        assert!(config_error("mcc", "temperature = 0").contains("must be > 0"));
        assert!(config_error("mcc", "temperatur = 2").contains("`temperatur` is not a field"));
    }

    #[test]
    fn reduces_the_confusion_of_the_target_and_leaves_the_source_alone() {
        let mut mcc = term("mcc", "", &context(4, 3, 1));
        let mut joint = Joint::new(&[5], 3, 4, 3);
        let source = joint.batch().source_logits().to_data();
        let losses = joint.descend(&mut *mcc, 200, 5.0);
        assert!(losses[199] < 0.5 * losses[0], "{} to {}", losses[0], losses[199]);
        assert_eq!(joint.batch().source_logits().to_data(), source);
        assert!(joint.gradients(&mut *mcc, 0, 1).0.is_none(), "features are no part of it");
    }
}
