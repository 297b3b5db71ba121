//! Batch spectral penalization.

use isthmus_core::prelude::*;
use isthmus_losses::adversarial::batch_spectral_penalization;

use crate::adversary::require_both;

inventory::submit! {
    Plugin::term::<Bsp>(About {
        name: "bsp",
        summary: "Penalises the largest singular values of the features; for beside `dann` or `cdan`",
        paper: "Chen, Wang, Long, Wang: Transferability vs. discriminability: batch spectral \
                penalization for adversarial domain adaptation, ICML 2019",
    }).weight(2e-4)
}

/// The squares of the largest singular values of each domain's features in the batch, added up.
/// Adversarial alignment lets few directions dominate, which transfer well and tell classes badly;
/// the penalty holds them down. It aligns nothing by itself: put it beside `dann` or `cdan`.
///
/// With few rows the singular values are those of the batch: the penalty grows with its size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bsp {
    /// How many of the largest singular values are penalised; 1 in the paper.
    #[schemars(range(min = 1))]
    pub singular_values: usize,
}

impl Default for Bsp {
    fn default() -> Self {
        Self { singular_values: 1 }
    }
}

impl PluginConfig for Bsp {}
impl Method for Bsp {}

impl Term for Bsp {
    fn loss(&mut self, step: &mut Step<'_>) -> Result<Tensor<1>, MethodError> {
        let joint = step.joint()?;
        require_both("bsp", &joint.segments)?;
        let source = batch_spectral_penalization(joint.source_features(), self.singular_values);
        let target = batch_spectral_penalization(joint.target_features(), self.singular_values);
        Ok(source + target)
    }
}

#[cfg(test)]
mod tests {
    use isthmus_core::registry::Kind;
    use isthmus_testing::{FAR, Joint, config_error, context, moved, plugin, term};

    #[test]
    fn the_defaults_are_the_papers() {
        let plugin = plugin(Kind::Method, "bsp");
        assert_eq!((plugin.defaults)()["singular_values"], 1);
        assert_eq!(plugin.weight, 2e-4);
        assert!(config_error("bsp", "singular_values = 0").contains("singular_values"));
    }

    #[test]
    fn the_largest_singular_values_fall_and_the_others_stay() {
        let mut joint = Joint::new(&[12], 9, 4, 3);
        let all = |joint: &Joint| {
            let mut every = term("bsp", "singular_values = 4", &context(4, 3, 1));
            joint.loss(&mut *every, 0, 1).into_scalar::<f64>()
        };
        let before = all(&joint);
        let mut bsp = term("bsp", "", &context(4, 3, 1));
        let losses = joint.descend(&mut *bsp, 3, 0.01);
        let after = joint.loss(&mut *bsp, 0, 1).into_scalar::<f64>();
        assert!(after < 0.9 * losses[0], "{} to {after}", losses[0]);
        let others = before - all(&joint) - (losses[0] - after);
        assert!(others.abs() < 1e-3 * before, "others fell by {others} of {before}");
        let (features, logits) = joint.gradients(&mut *bsp, 0, 1);
        assert!(features.is_some() && logits.is_none());
    }

    /// Beside `dann` the share of the largest direction is smaller than without.
    #[test]
    fn beside_dann_it_holds_the_largest_direction_down() {
        let dann = "schedule = \"constant\"\ndiscriminator = { name = \"mlp\", hidden = [16] }";
        let largest = |weight: Option<f64>| {
            let mut bench = moved(FAR, 100);
            if let Some(weight) = weight {
                let bsp = term("bsp", "", &bench.context());
                bench.add_weighted_term("bsp", weight, bsp);
            }
            let dann = term("dann", dann, &bench.context());
            bench.train(dann, 100);
            let accuracy = bench.target_accuracy();
            let mut step = isthmus_core::step::Step::new(bench.stage(), 100, 0, false);
            let joint = step.joint().unwrap();
            let features = joint.features.clone().detach();
            let value = isthmus_losses::adversarial::batch_spectral_penalization(features, 1);
            (value.into_scalar::<f64>(), accuracy)
        };
        let ((without, _), (with, accuracy)) = (largest(None), largest(Some(1e-2)));
        println!("largest singular value squared: {without:.1} without, {with:.1} with");
        assert!(with < without, "{without} to {with}");
        assert!(accuracy > 0.9, "{accuracy}");
    }
}
