//! Margin disparity discrepancy.

use isthmus_core::config::FieldProblem;
use isthmus_core::parts::Classifier;
use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;
use isthmus_core::updater::{Part, Role};
use isthmus_losses::adversarial::{gradient_reversal, margin_disparity, target_margin_disparity};

use crate::adversary::require_both;
use crate::reversal::Reversal;

inventory::submit! {
    Plugin::term::<Mdd>(About {
        name: "mdd",
        summary: "A second classifier disagrees on the target within a margin; features prevent it",
        paper: "Zhang, Liu, Long, Jordan: Bridging theory and algorithm for domain adaptation, \
                ICML 2019",
    }).of_classes()
}

/// A second classifier, built as the experiment's with other initial weights, learns to predict what
/// the first one does on the source and anything else on the target; the features learn, through a
/// reversed gradient, to leave no room for that. The second classifier is the discriminator, chosen
/// by `[classifier]`; it predicts nothing. Several sources count as one.
///
/// The defaults are those of the Transfer Learning Library (tllib), whose classifiers are `mlp` with
/// one hidden layer of 1024 and dropout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mdd {
    /// How much agreement on the source counts against disagreement on the target: `exp` of the
    /// margin. The paper tries 2, 3 and 4.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub margin: f64,
    /// How strongly the gradient is reversed; up to 0.1 by default.
    pub reversal: Reversal,
}

impl Default for Mdd {
    fn default() -> Self {
        Self { margin: 4.0, reversal: Reversal { high: 0.1, ..Reversal::default() } }
    }
}

impl PluginConfig for Mdd {
    fn check(&self) -> Result<(), FieldProblem> {
        self.reversal.check("reversal")
    }
}

impl TermPlugin for Mdd {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        let adversarial = context.fresh_classifier("adversarial")?;
        Ok(Box::new(Disparity { config: self.clone(), adversarial }))
    }
}

struct Disparity {
    config: Mdd,
    adversarial: Box<dyn Classifier>,
}

impl Method for Disparity {
    fn networks(&mut self) -> Vec<Part<'_>> {
        vec![Part::new("adversarial", Role::Classifier, &mut *self.adversarial)]
    }
}

impl Term for Disparity {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_both("mdd", &joint.segments)?;
        let lambda = self.config.reversal.coefficient(step.number, step.stage.total_steps);
        let context = step.network_context(joint.segments.clone());
        let reversed = gradient_reversal(joint.features.clone(), lambda);
        let adversarial = self.adversarial.forward(reversed, &context);
        let source = adversarial.clone().narrow(0, 0, joint.source_rows);
        let target = adversarial.narrow(0, joint.source_rows, joint.target_rows);
        if step.measure {
            let disparity = target_margin_disparity(joint.target_logits(), target.clone());
            step.note("lambda", lambda);
            step.note("target_disparity", disparity.into_scalar::<f64>());
        }
        let (of_source, of_target) = (joint.source_logits(), joint.target_logits());
        Ok(margin_disparity(of_source, source, of_target, target, self.config.margin))
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{FAR, Joint, assert_term_gains, config_error, context, plugin, term};

    #[test]
    fn the_defaults_are_tllibs() {
        let defaults = (plugin(Kind::Method, "mdd").defaults)();
        assert_eq!(
            (&defaults["margin"], &defaults["reversal"]["high"]),
            (&4.0.into(), &0.1.into())
        );
        assert!(config_error("mdd", "margin = 0").contains("margin"));
    }

    /// The main classifier's labels are constants, and the features' gradient is the reversed one.
    #[test]
    fn features_are_pulled_against_the_second_classifier_and_the_first_is_left_alone() {
        let joint = Joint::new(&[5], 3, 4, 3);
        let features = |high: f64| {
            let config = format!("reversal = {{ schedule = \"constant\", high = {high:?} }}");
            let mut mdd = term("mdd", &config, &context(4, 3, 1));
            let learned = joint.loss(&mut *mdd, 0, 100).backward();
            assert!(mdd.networks()[0].network.gradient_square_sum(&learned) > 1e-4);
            let (features, logits) = joint.gradients(&mut *mdd, 0, 100);
            assert!(logits.is_none_or(|slopes| slopes.iter().all(|slope| *slope == 0.0)));
            features.unwrap()
        };
        let (one, half) = (features(1.0), features(0.5));
        assert!(one.iter().any(|slope| slope.abs() > 1e-3));
        for (one, half) in one.iter().zip(half) {
            assert!((one - 2.0 * half).abs() < 1e-6);
        }
    }

    #[test]
    fn batches_of_one_domain_are_refused() {
        let mut mdd = term("mdd", "", &context(4, 3, 1));
        let mut joint = Joint::new(&[5], 3, 4, 3);
        joint.segments.truncate(1);
        joint.segments[0].rows = 8;
        joint.labels = vec![0; 8];
        let error = joint.refusal(&mut *mdd);
        assert!(error.contains("`mdd` needs rows of both domains"), "{error}");
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        assert_term_gains("mdd", "reversal = { schedule = \"constant\", high = 0.3 }", FAR, 200);
    }
}
