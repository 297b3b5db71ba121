//! Importance-weighted adversarial nets.

use isthmus_core::config::{Choice, DiscriminatorKind, FieldProblem};
use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;
use isthmus_core::updater::Part;
use isthmus_losses::adversarial::target_likeness_weights;

use crate::adversary::Adversary;
use crate::domain_classifier::DomainClassifier;
use crate::reversal::Reversal;

inventory::submit! {
    Plugin::term::<Iwan>(About {
        name: "iwan",
        summary: "Aligns features adversarially and weighs source rows by how much they look like \
                  the target's",
        paper: "Zhang, Ding, Li, Ogunbona: Importance weighted adversarial nets for partial domain \
                adaptation, CVPR 2018",
    })
}

/// Two discriminators. A domain classifier, which features do not learn from, gives each source row
/// the probability `D` of being the source's; the row weighs `(1 - D) / mean(1 - D)` in the loss of
/// the other, against which the features are trained as in `dann`. Source rows of classes that the
/// target lacks, in partial adaptation, come to weigh little. Labels are not looked at, and the loss
/// on the source stays unweighted. Several sources count as one.
///
/// The paper adds the entropy of the predictions on the target: put the term `entropy` with weight 0.1
/// beside it. By itself the adversary can do harm, as that of `dann`: on Office-31's features, with 10
/// classes of 31, it is the entropy that gains (`experiments/methods/partial.toml`).
///
/// The paper keeps the source's extractor as it was before; here, as in the Transfer Learning Library
/// (tllib), both domains have one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Iwan {
    /// How strongly the discriminator's gradient is reversed.
    pub reversal: Reversal,
    /// The network that features are trained against.
    pub discriminator: Choice<DiscriminatorKind>,
    /// The network that the weights come from.
    pub domain_classifier: Choice<DiscriminatorKind>,
}

impl Default for Iwan {
    fn default() -> Self {
        Self {
            reversal: Reversal::default(),
            discriminator: Choice::named("mlp"),
            domain_classifier: Choice::named("mlp"),
        }
    }
}

impl PluginConfig for Iwan {
    fn check(&self) -> Result<(), FieldProblem> {
        self.reversal.check("reversal")
    }
}

impl TermPlugin for Iwan {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        let size = context.feature_size;
        let adversary =
            Adversary::new("iwan", &self.discriminator, self.reversal, size, 2, context)?;
        let classifier = DomainClassifier::new("iwan", &self.domain_classifier, context)?;
        Ok(Box::new(WeightedAlignment { adversary, classifier }))
    }
}

struct WeightedAlignment {
    adversary: Adversary,
    classifier: DomainClassifier,
}

impl Method for WeightedAlignment {
    fn networks(&mut self) -> Vec<Part<'_>> {
        let mut parts = self.adversary.networks();
        parts.push(self.classifier.part());
        parts
    }
}

impl Term for WeightedAlignment {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let (logits, classifier_loss) = self.classifier.judge(step, &joint)?;
        let weights = target_likeness_weights(logits.narrow(0, 0, joint.source_rows));
        if step.measure {
            let least = weights.clone().min().into_scalar::<f64>();
            step.note("smallest_weight", least);
        }
        Ok(self.adversary.align(step, &joint, weights)? + classifier_loss)
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{
        FAR, Joint as FreeJoint, assert_term_gains, config_error, context, plugin, term,
    };

    use crate::class_weights::tests::partial;

    const SMALL: &str = "discriminator = { name = \"mlp\", hidden = [16] }\n\
                         domain_classifier = { name = \"mlp\", hidden = [16] }\n";

    /// The classifier learns from the loss, and the features learn from the adversary alone.
    #[test]
    fn features_do_not_follow_the_domain_classifier() {
        let joint = FreeJoint::new(&[5], 3, 4, 3);
        let mut iwan = term("iwan", SMALL, &context(4, 3, 1));
        let gradients = joint.loss(&mut *iwan, 500, 1000).backward();
        for part in iwan.networks() {
            assert!(part.network.gradient_square_sum(&gradients) > 1e-8, "{}", part.name);
        }
        let none = format!("{SMALL}reversal = {{ schedule = \"constant\", high = 0.0 }}");
        let mut iwan = term("iwan", &none, &context(4, 3, 1));
        let (features, logits) = joint.gradients(&mut *iwan, 500, 1000);
        assert!(features.is_none_or(|slopes| slopes.iter().all(|slope| *slope == 0.0)));
        assert!(logits.is_none_or(|slopes| slopes.iter().all(|slope| *slope == 0.0)));
    }

    /// All target rows are of one class: source rows of the other lose their weight.
    #[test]
    fn rows_of_classes_that_the_target_lacks_weigh_less() {
        let mut bench = partial(0.2, 100);
        let iwan = term("iwan", SMALL, &bench.context());
        let steps = bench.train(iwan, 100);
        let least = |step: usize| steps[step]["term/smallest_weight"];
        assert!(least(99) < 0.2 && least(99) < least(0), "{} to {}", least(0), least(99));
        assert!(bench.target_accuracy() > 0.9, "{}", bench.target_accuracy());
    }

    #[test]
    fn identical_rows_and_large_features_are_no_trouble() {
        for scale in [0.0, 1e4] {
            let joint = FreeJoint::new(&[5], 3, 4, 3).scaled(scale, 1.0);
            let mut iwan = term("iwan", SMALL, &context(4, 3, 1));
            let loss = joint.loss(&mut *iwan, 500, 1000).into_scalar::<f64>();
            assert!(loss.is_finite(), "{loss}");
        }
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        let config = format!("{SMALL}reversal = {{ schedule = \"constant\" }}");
        assert_term_gains("iwan", &config, FAR, 200);
    }

    #[test]
    fn batches_of_one_domain_and_a_falling_reversal_are_refused() {
        let mut joint = FreeJoint::new(&[5], 3, 4, 3);
        joint.segments.truncate(1);
        joint.segments[0].rows = 8;
        joint.labels = vec![0; 8];
        let error = joint.refusal(&mut *term("iwan", SMALL, &context(4, 3, 1)));
        assert!(error.contains("`iwan` needs rows of both domains"), "{error}");
        let falling = "reversal = { low = 0.5, high = 0.1 }";
        assert!(config_error("iwan", falling).contains("at least `low`"));
        assert_eq!(plugin(Kind::Method, "iwan").weight, 1.0);
    }
}
