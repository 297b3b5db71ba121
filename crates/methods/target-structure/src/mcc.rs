//! Minimum class confusion.

use isthmus_core::config::{FieldProblem, PluginConfig};
use isthmus_core::error::MethodError;
use isthmus_core::inventory;
use isthmus_core::method::{MethodContext, Term, TermLoss, View};
use isthmus_core::registry::{About, Plugin, TermPlugin};
use isthmus_losses::target::mcc;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

inventory::submit! {
    Plugin::term::<Mcc>(About {
        name: "mcc",
        summary: "Minimises the confusion between classes in the target's predictions",
        paper: "Jin, Wang, Long, Wang: Minimum class confusion for versatile domain adaptation, \
                ECCV 2020",
    })
}

/// Minimum class confusion: the correlation between the predicted probabilities of different
/// classes on a target batch, certain rows counting more. It needs no source rows and no further
/// network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mcc {
    /// Factor of the term.
    #[schemars(range(min = 0.0))]
    pub trade_off: f64,
    /// Temperature by which the logits are divided before the softmax; must be above 0. The
    /// paper and its code use 2.5.
    #[schemars(range(min = 0.0))]
    pub temperature: f64,
}

impl Default for Mcc {
    fn default() -> Self {
        Self { trade_off: 1.0, temperature: 2.5 }
    }
}

impl PluginConfig for Mcc {
    fn check(&self) -> Result<(), FieldProblem> {
        if self.temperature > 0.0 {
            Ok(())
        } else {
            Err(FieldProblem {
                field: "temperature".to_owned(),
                message: format!("`temperature` is {}, it must be > 0", self.temperature),
            })
        }
    }
}

impl TermPlugin for Mcc {
    fn build(&self, _context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        Ok(Box::new(self.clone()))
    }
}

impl Term for Mcc {
    fn loss(&mut self, view: &View<'_>) -> Result<TermLoss, MethodError> {
        Ok(mcc(view.target_logits(), self.temperature).mul_scalar(self.trade_off).into())
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{Joint, config_error, context, plugin, term};

    #[test]
    fn the_defaults_are_the_papers() {
        let defaults = (plugin(Kind::Method, "mcc").defaults)();
        assert_eq!(defaults["temperature"], 2.5);
        assert_eq!(defaults["trade_off"], 1.0);
        assert!(config_error("mcc", "temperature = 0").contains("must be > 0"));
        assert!(config_error("mcc", "temperatur = 2").contains("unknown field `temperatur`"));
    }

    #[test]
    fn reduces_the_confusion_of_the_target_and_leaves_the_source_alone() {
        let mut mcc = term("mcc", "", &context(4, 3, 1));
        let mut joint = Joint::new(&[5], 3, 4, 3);
        let source = joint.view(0, 1).source_logits().to_data();
        let losses = joint.descend(&mut *mcc, 200, 5.0);
        assert!(losses[199] < 0.5 * losses[0], "{} to {}", losses[0], losses[199]);
        assert_eq!(joint.view(0, 1).source_logits().to_data(), source);
        assert!(joint.gradients(&mut *mcc, 0, 1).0.is_none(), "features are no part of it");
    }

    #[test]
    fn the_trade_off_is_a_factor() {
        let joint = Joint::new(&[5], 3, 4, 3);
        let loss = |config: &str| {
            let mut term = term("mcc", config, &context(4, 3, 1));
            joint.loss(&mut *term, 0, 1).loss.into_scalar::<f64>()
        };
        assert!((loss("trade_off = 0.5") - 0.5 * loss("")).abs() < 1e-6);
        assert_eq!(loss("trade_off = 0.0"), 0.0);
    }
}
