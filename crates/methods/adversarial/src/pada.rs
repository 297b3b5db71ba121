//! Partial adversarial domain adaptation.

use isthmus_core::config::{Choice, DiscriminatorKind, FieldProblem};
use isthmus_core::named_tensor::NamedTensor;
use isthmus_core::prelude::*;
use isthmus_core::registry::TermPlugin;
use isthmus_core::step::Joint;
use isthmus_core::updater::Part;

use crate::adversary::Adversary;
use crate::class_weights::{ClassWeights, row_weights};
use crate::reversal::Reversal;

inventory::submit! {
    Plugin::term::<Pada>(About {
        name: "pada",
        summary: "Aligns features adversarially and weighs down source classes absent from the target",
        paper: "Cao, Ma, Long, Wang: Partial adversarial domain adaptation, ECCV 2018",
    }).of_classes()
}

/// The weight of a class is the mean probability that the model gives it on all target samples,
/// divided by that of the largest; it weighs the source rows of the class, in the classifier's loss
/// as in the discriminator's. Classes that the target has not, in partial adaptation, come to
/// weigh little. Otherwise as `dann`, with one source.
///
/// The defaults are those of the Transfer Learning Library (tllib).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pada {
    /// Temperature by which logits are divided before the mean is taken; below 1 the predicted
    /// class counts nearly alone.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub temperature: f64,
    /// Steps between updates of the weights. Before the first one all classes weigh 1.
    #[schemars(range(min = 1))]
    pub update_every: usize,
    /// How strongly the discriminator's gradient is reversed.
    pub reversal: Reversal,
    /// The network that tells the domains apart.
    pub discriminator: Choice<DiscriminatorKind>,
}

impl Default for Pada {
    fn default() -> Self {
        Self {
            temperature: 0.1,
            update_every: 500,
            reversal: Reversal::default(),
            discriminator: Choice::named("mlp"),
        }
    }
}

impl PluginConfig for Pada {
    fn check(&self) -> Result<(), FieldProblem> {
        self.reversal.check("reversal")
    }
}

impl TermPlugin for Pada {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        if context.sources != 1 {
            return Err(MethodError::Unsuitable(format!(
                "`pada` weighs the classes of one source, this task has {}",
                context.sources
            )));
        }
        let size = context.feature_size;
        let adversary =
            Adversary::new("pada", &self.discriminator, self.reversal, size, 2, context)?;
        Ok(Box::new(PartialAlignment {
            weights: ClassWeights::new(
                "pada",
                self.temperature,
                self.update_every,
                context.outputs,
            ),
            adversary,
        }))
    }
}

struct PartialAlignment {
    weights: ClassWeights,
    adversary: Adversary,
}

impl Method for PartialAlignment {
    fn networks(&mut self) -> Vec<Part<'_>> {
        self.adversary.networks()
    }

    fn state(&self) -> Vec<NamedTensor> {
        vec![self.weights.state()]
    }

    fn load_state(&mut self, state: Vec<NamedTensor>) -> Result<(), MethodError> {
        self.weights.load_state(&state)
    }
}

impl Term for PartialAlignment {
    fn source_weights(
        &mut self,
        step: &mut Step<'_>,
        joint: &Joint,
    ) -> Result<Option<Tensor<1>>, MethodError> {
        self.weights.refresh(step)?;
        Ok(Some(self.weights.of_mean_1(joint)?))
    }

    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let weights = row_weights(self.weights.of_rows(&joint)?, &joint);
        let loss = self.adversary.align(step, &joint, weights)?;
        if step.measure {
            step.note("smallest_class_weight", self.weights.smallest());
        }
        Ok(loss)
    }
}

#[cfg(test)]
mod tests {
    use crate::class_weights::tests::partial;
    use burn::tensor::TensorData;
    use isthmus_core::registry::Kind;
    use isthmus_testing::{Joint as FreeJoint, context, plugin, term};

    use super::*;

    const SMALL: &str = "discriminator = { name = \"mlp\", hidden = [16] }\n";

    #[test]
    fn the_defaults_are_tllibs() {
        let defaults = (plugin(Kind::Method, "pada").defaults)();
        assert_eq!(
            (&defaults["temperature"], &defaults["update_every"]),
            (&0.1.into(), &500.into())
        );
        let several = context(4, 3, 2);
        let error = Pada::default().build(&several).err().unwrap().to_string();
        assert!(error.contains("one source, this task has 2"), "{error}");
    }

    #[test]
    fn with_equal_weights_it_is_dann() {
        let joint = FreeJoint::new(&[5], 3, 4, 3);
        let mut pada = term("pada", SMALL, &context(4, 3, 1));
        let mut dann = term("dann", SMALL, &context(4, 3, 1));
        let of = |term: &mut dyn Term| joint.loss(term, 500, 1000).into_scalar::<f64>();
        assert!((of(&mut *pada) - of(&mut *dann)).abs() < 1e-6);
        let gradients = |term: &mut dyn Term| joint.gradients(term, 500, 1000).0.unwrap();
        for (own, other) in gradients(&mut *pada).iter().zip(gradients(&mut *dann)) {
            assert!((own - other).abs() < 1e-6);
        }
    }

    /// All target rows are of one class: the other comes to weigh little, and its source rows too.
    #[test]
    fn classes_that_the_target_lacks_weigh_less() {
        let mut bench = partial(0.2, 100);
        let config = format!("{SMALL}update_every = 20");
        let pada = term("pada", &config, &bench.context());
        let steps = bench.train(pada, 100);
        assert_eq!(steps[19]["term/smallest_class_weight"], 1.0);
        assert!(steps[99]["term/smallest_class_weight"] < 0.1, "{:?}", steps[99]);
        assert!(bench.target_accuracy() > 0.9);
    }

    #[test]
    fn weights_are_part_of_a_checkpoint() {
        let mut first = term("pada", SMALL, &context(4, 3, 1));
        let state = vec![NamedTensor {
            path: "class_weights".to_owned(),
            data: TensorData::new(vec![1.0f32, 0.25, 0.5], [3]),
        }];
        first.load_state(state.clone()).unwrap();
        assert_eq!(first.state()[0].data, state[0].data);
        let error = first.load_state(Vec::new()).unwrap_err().to_string();
        assert!(error.contains("no `class_weights` of 3 values"), "{error}");
    }
}
