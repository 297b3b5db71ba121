//! Conditional domain-adversarial network.

use burn::tensor::{Device, TensorData, activation::softmax};
use isthmus_core::config::{Choice, DiscriminatorKind, FieldProblem};
use isthmus_core::prelude::*;
use isthmus_core::random::Key;
use isthmus_core::registry::TermPlugin;
use isthmus_core::updater::Part;
use isthmus_losses::adversarial::{entropy_weights, multilinear_map, randomized_multilinear_map};
use rand::RngExt;
use rand_distr::StandardNormal;

use crate::adversary::{Adversary, domain_loss, note};
use crate::reversal::Reversal;

inventory::submit! {
    Plugin::term::<Cdan>(About {
        name: "cdan",
        summary: "Aligns features and predictions together against a conditional discriminator",
        paper: "Long, Cao, Wang, Jordan: Conditional adversarial domain adaptation, NeurIPS 2018",
    }).of_classes()
}

/// As `dann`, but the discriminator sees the product of each row's features and class
/// probabilities, so that it compares the domains class by class. Probabilities are constants in the
/// gradient: features and classifier do not learn by them to be uncertain. With several sources the
/// discriminator tells all domains apart.
///
/// The defaults are those of the Transfer Learning Library (tllib), whose scripts leave `entropy`
/// off; the paper's CDAN+E has it on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cdan {
    /// Whether rows that are predicted with certainty count more in the discriminator's loss, by
    /// `1 + exp(-H)` of the prediction's entropy `H` (CDAN+E).
    pub entropy: bool,
    /// What the discriminator sees of features and probabilities: the `outer-product`, of features
    /// times classes values, or a `randomized` map of `size` values, for where that is too many. The
    /// authors' code changes over at 4096.
    pub map: ConditionalMap,
    /// Values of the `randomized` map; tllib has 1024, the authors' code 4096.
    #[schemars(range(min = 1))]
    pub size: usize,
    /// How strongly the discriminator's gradient is reversed.
    pub reversal: Reversal,
    /// The network that tells the domains apart.
    pub discriminator: Choice<DiscriminatorKind>,
}

/// What a conditional discriminator sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConditionalMap {
    /// Every feature times every class probability.
    #[default]
    OuterProduct,
    /// Random combinations of features times random combinations of probabilities.
    Randomized,
}

impl Default for Cdan {
    fn default() -> Self {
        Self {
            entropy: false,
            map: ConditionalMap::OuterProduct,
            size: 1024,
            reversal: Reversal::default(),
            discriminator: Choice::named("mlp"),
        }
    }
}

impl PluginConfig for Cdan {
    fn check(&self) -> Result<(), FieldProblem> {
        self.reversal.check("reversal")
    }
}

impl TermPlugin for Cdan {
    fn build(&self, context: &MethodContext) -> Result<Box<dyn Term>, MethodError> {
        let (features, outputs) = (context.feature_size, context.outputs);
        let (maps, size) = match self.map {
            ConditionalMap::OuterProduct => (None, features * outputs),
            ConditionalMap::Randomized => {
                let maps =
                    [("features", features), ("probabilities", outputs)].map(|(name, rows)| {
                        normal(
                            [rows, self.size],
                            context.key.named("map").named(name),
                            &context.device,
                        )
                    });
                (Some(maps), self.size)
            }
        };
        let domains = context.sources + 1;
        let reversal = self.reversal;
        let adversary =
            Adversary::new("cdan", &self.discriminator, reversal, size, domains, context)?;
        Ok(Box::new(ConditionalAlignment { entropy: self.entropy, maps, adversary }))
    }
}

/// Standard normal values, which are not trained.
fn normal(shape: [usize; 2], key: Key, device: &Device) -> Tensor<2> {
    let mut rng = key.rng();
    let values = (0..shape[0] * shape[1]).map(|_| rng.sample::<f32, _>(StandardNormal));
    Tensor::from_data(TensorData::new(values.collect::<Vec<_>>(), shape), device)
}

struct ConditionalAlignment {
    entropy: bool,
    /// Of features and of probabilities, where the map is random; drawn from the method's key, so
    /// that a checkpoint need not hold them.
    maps: Option<[Tensor<2>; 2]>,
    adversary: Adversary,
}

impl Method for ConditionalAlignment {
    fn networks(&mut self) -> Vec<Part<'_>> {
        self.adversary.networks()
    }
}

impl Term for ConditionalAlignment {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        let (features, segments) = (joint.features.clone(), &joint.segments);
        let probabilities = softmax(joint.logits.clone().detach(), 1);
        let inputs = match self.maps.clone() {
            None => multilinear_map(features, probabilities),
            Some([of_features, of_probabilities]) => {
                randomized_multilinear_map(features, probabilities, of_features, of_probabilities)
            }
        };
        let logits = self.adversary.judge(step, segments, inputs)?;
        let weights = self.entropy.then(|| entropy_weights(joint.logits.clone()));
        let loss = domain_loss(&logits, segments, weights);
        note(step, &loss, &logits, segments);
        Ok(loss)
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{FAR, Joint, assert_term_gains, config_error, context, plugin, term};

    use super::*;

    const SMALL: &str = "discriminator = { name = \"mlp\", hidden = [16] }\n\
                         reversal = { schedule = \"constant\" }\n";

    #[test]
    fn the_defaults_are_tllibs_scripts() {
        let defaults = (plugin(Kind::Method, "cdan").defaults)();
        assert_eq!(
            (&defaults["entropy"], &defaults["map"], &defaults["size"]),
            (&false.into(), &"outer-product".into(), &1024.into())
        );
        assert!(config_error("cdan", "map = \"random\"").contains("random"));
        assert!(config_error("cdan", "size = 0").contains("size"));
    }

    /// skada does not detach the probabilities: its classifier learns to be uncertain.
    #[test]
    fn predictions_are_constants_and_features_are_moved() {
        for config in ["", "entropy = true", "map = \"randomized\"\nsize = 12"] {
            for sources in [vec![5], vec![3, 4]] {
                let joint = Joint::new(&sources, 3, 4, 3);
                let config = format!("{SMALL}{config}");
                let mut cdan = term("cdan", &config, &context(4, 3, sources.len()));
                let (features, logits) = joint.gradients(&mut *cdan, 0, 1000);
                assert!(features.unwrap().iter().any(|slope| slope.abs() > 1e-6), "{config}");
                assert!(logits.is_none_or(|slopes| slopes.iter().all(|slope| *slope == 0.0)));
            }
        }
    }

    /// Where all predictions are as certain as each other, weighing by certainty changes nothing.
    #[test]
    fn equally_certain_rows_weigh_alike() {
        let mut joint = Joint::new(&[6], 4, 4, 2);
        let certain = [[3.0_f32, 0.0], [0.0, 3.0]];
        let rows: [[f32; 2]; 10] = std::array::from_fn(|row| certain[row % 2]);
        joint.logits = Tensor::from_data(rows, &joint.features.device());
        let loss = |joint: &Joint, entropy: bool| {
            let config = format!("{SMALL}entropy = {entropy}");
            let mut cdan = term("cdan", &config, &context(4, 2, 1));
            joint.loss(&mut *cdan, 0, 1000).into_scalar::<f64>()
        };
        assert!((loss(&joint, true) - loss(&joint, false)).abs() < 1e-6);
        let other = Joint::new(&[6], 4, 4, 2);
        assert!((loss(&other, true) - loss(&other, false)).abs() > 1e-6);
    }

    #[test]
    fn raises_the_accuracy_on_a_shifted_target() {
        for config in ["", "entropy = true"] {
            assert_term_gains("cdan", &format!("{SMALL}{config}"), FAR, 200);
        }
        // Of domains farther apart it makes one class of each the other's neighbour.
        assert_term_gains("cdan", &format!("{SMALL}map = \"randomized\"\nsize = 32"), 2.0, 200);
    }
}
