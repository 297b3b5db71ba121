//! Entropy minimisation on the target.

use isthmus_core::config::PluginConfig;
use isthmus_core::error::MethodError;
use isthmus_core::inventory;
use isthmus_core::method::{MethodContext, Term, TermLoss, View};
use isthmus_core::registry::{About, Plugin, TermPlugin};
use isthmus_losses::target::entropy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

inventory::submit! {
    Plugin::term::<Entropy>(About {
        name: "entropy",
        summary: "Minimises the entropy of the target's predictions",
        paper: "Grandvalet, Bengio: Semi-supervised learning by entropy minimization, NIPS 2004",
    })
}

/// Mean entropy of the predictions on a target batch: pushes the decision boundary away from
/// target samples. Alone it may give every sample one class; small factors and other terms
/// (`dann`, `dan`) keep it in check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Entropy {
    /// Factor of the term.
    #[schemars(range(min = 0.0))]
    pub trade_off: f64,
}

impl Default for Entropy {
    fn default() -> Self {
        Self { trade_off: 0.1 }
    }
}

impl PluginConfig for Entropy {}

impl TermPlugin for Entropy {
    fn build(&self, _context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        Ok(Box::new(self.clone()))
    }
}

impl Term for Entropy {
    fn loss(&mut self, view: &View<'_>) -> Result<TermLoss, MethodError> {
        Ok(entropy(view.target_logits()).mul_scalar(self.trade_off).into())
    }
}

#[cfg(test)]
mod tests {
    use isthmus_testing::{Joint, context, term};

    #[test]
    fn reduces_the_entropy_of_the_target_and_leaves_the_source_alone() {
        let mut entropy = term("entropy", "trade_off = 1.0", &context(4, 3, 1));
        let mut joint = Joint::new(&[5], 3, 4, 3);
        let source = joint.view(0, 1).source_logits().to_data();
        let losses = joint.descend(&mut *entropy, 100, 2.0);
        assert!(losses[99] < 0.2 * losses[0], "{} to {}", losses[0], losses[99]);
        assert_eq!(joint.view(0, 1).source_logits().to_data(), source);
    }

    #[test]
    fn the_default_trade_off_is_a_tenth() {
        let joint = Joint::new(&[5], 3, 4, 3);
        let loss = |config: &str| {
            let mut term = term("entropy", config, &context(4, 3, 1));
            joint.loss(&mut *term, 0, 1).loss.into_scalar::<f64>()
        };
        assert!((loss("") - 0.1 * loss("trade_off = 1.0")).abs() < 1e-6);
    }
}
