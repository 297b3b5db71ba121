//! Domain confusion.

use isthmus_core::config::{Choice, DiscriminatorKind, FieldProblem};
use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;
use isthmus_core::updater::Part;
use isthmus_losses::adversarial::domain_confusion;

use crate::adversary::{Adversary, note};
use crate::reversal::Reversal;

inventory::submit! {
    Plugin::term::<DomainConfusion>(About {
        name: "domain-confusion",
        summary: "Features make a domain discriminator's prediction uniform",
        paper: "Tzeng, Hoffman, Darrell, Saenko: Simultaneous deep transfer across domains and \
                tasks, ICCV 2015",
    })
}

/// A discriminator learns to tell the domains by cross-entropy; the features lower the cross-entropy
/// between its prediction and the uniform distribution over the domains. Where the discriminator is
/// certain that gradient is large, where it cannot tell it is 0, and features are not drawn beyond:
/// a reversed gradient (`dann`) would make them look like the other domain. With several sources the
/// prediction is made uniform over all domains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DomainConfusion {
    /// How strongly the features follow the confusion: the factor of its gradient, by the schedules
    /// that `dann` has for its reversed one. The paper's is `constant`; from the first step on, 1 is
    /// more than a network in training may bear.
    pub strength: Reversal,
    /// The network that tells the domains apart.
    pub discriminator: Choice<DiscriminatorKind>,
}

impl Default for DomainConfusion {
    fn default() -> Self {
        Self { strength: Reversal::default(), discriminator: Choice::named("mlp") }
    }
}

impl PluginConfig for DomainConfusion {
    fn check(&self) -> Result<(), FieldProblem> {
        self.strength.check("strength")
    }
}

impl TermPlugin for DomainConfusion {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        let (size, domains) = (context.feature_size, context.sources + 1);
        let name = "domain-confusion";
        let adversary =
            Adversary::new(name, &self.discriminator, self.strength, size, domains, context)?;
        Ok(Box::new(Confused(adversary)))
    }
}

struct Confused(Adversary);

impl Method for Confused {
    fn networks(&mut self) -> Vec<Part<'_>> {
        self.0.networks()
    }
}

impl Term for Confused {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let segments = &joint.segments;
        let features = joint.features.clone();
        let (logits, loss) = self.0.confuse(step, segments, features, domain_confusion)?;
        note(step, &loss, &logits, segments);
        Ok(loss)
    }
}

#[cfg(test)]
mod tests {
    use isthmus_testing::{FAR, Joint, assert_term_gains, config_error, context, term};

    const SMALL: &str = "discriminator = { name = \"mlp\", hidden = [16] }\n";

    #[test]
    fn the_discriminator_learns_to_tell_and_the_features_to_confuse() {
        for sources in [vec![6], vec![4, 3]] {
            let mut joint = Joint::new(&sources, 5, 4, 3);
            let config =
                "discriminator = { name = \"linear\" }\nstrength = { schedule = \"constant\" }";
            let mut term = term("domain-confusion", config, &context(4, 3, sources.len()));
            let gradients = joint.loss(&mut *term, 0, 1).backward();
            assert!(term.networks()[0].network.gradient_square_sum(&gradients) > 1e-4);
            let confusion = |joint: &Joint, term: &mut dyn isthmus_core::method::Term| {
                let measured = joint.measured(term, 0, 1);
                measured.iter().find(|(name, _)| name == "confusion").unwrap().1
            };
            let least = ((sources.len() + 1) as f64).ln();
            let before = confusion(&joint, &mut *term);
            joint.descend(&mut *term, 300, 1.0);
            let after = confusion(&joint, &mut *term);
            assert!(
                after < before && after >= least - 1e-6,
                "{before} to {after}, at least {least}"
            );
            assert!(after < least + 0.05, "{after} is far from {least}");
        }
        let falling = "strength = { low = 0.5, high = 0.1 }";
        assert!(config_error("domain-confusion", falling).contains("at least `low`"));
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        let config = format!("{SMALL}strength = {{ schedule = \"constant\" }}");
        assert_term_gains("domain-confusion", &config, FAR, 200);
    }
}
